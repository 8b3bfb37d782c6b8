"""The benchmark of networks: which domains it compiles for, and its tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from benchmarks.networks import NETWORKS, compile_into, markdown
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import UsageError

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "networks.py"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.onnx"
    onnx.save(tiny_residual(), path)
    return path


def test_domains_that_compile_does_not_have_are_left_out(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "compiled.onnx"
    options = {"input": "tensor"}

    def without(model: Any, *, input: Any) -> jpegcompile.CompiledModel:
        return jpegcompile.compile(model, input=input)

    def with_one(model: Any, *, input: Any, domain: str) -> jpegcompile.CompiledModel:
        if domain != "jpeg":
            raise UsageError(f"domain is '{domain}'; use jpeg")
        return jpegcompile.compile(model, input=input)

    for compile in (without, with_one):
        assert not compile_into(path, source, "auto", options, compile)
        assert not path.exists()
        assert compile_into(path, source, "jpeg", options, compile)
        path.unlink()
    with pytest.raises(UsageError, match="unknown preprocessing"):
        compile_into(path, source, "jpeg", {"preprocess": "imagnet"})


def result(network: str, batches: tuple[int, int], base: float) -> dict[str, Any]:
    """What `bench` says, with ratios that count up from `base`."""
    cells = []
    for index, (batch, threads) in enumerate((b, t) for b in batches for t in (1, 2)):
        ratio = {"compiled": base + index / 10, "portable": 2 * base}
        names = [("network", None), ("end to end", "quality 75"), ("end to end", "quality 90")]
        timings = [{"stage": s, "inputs": i, "ratio": ratio} for s, i in names]
        sides = {name: {"creation": 1.0 + index} for name in ("spatial", "compiled", "portable")}
        costs = {"memory": 1.5 + index, "own_memory": None, "creation": 3.0}
        cells.append(
            {
                "batch": batch,
                "threads": threads,
                "sides": sides,
                "timings": timings,
                "ratio": {"compiled": costs, "portable": costs},
            }
        )
    inputs: dict[str, dict[str, int]] = {"quality 75": {}, "quality 90": {}}
    named = {"network": network, "domain": "jpeg", "input": "coefficients"}
    return {**named, "inputs": inputs, "cells": cells}


def test_tables() -> None:
    text = markdown([result("ResNet-18", (1, 8), 0.5), result("ResNet-20", (1, 32), 0.7)])
    lines = text.splitlines()
    assert lines[0] == "Network only:"
    assert lines[2] == (
        "| network | domain | input | batch 1, 1 thread | batch 1, 2 threads |"
        " batch 8/32, 1 thread | batch 8/32, 2 threads | largest | at most (aim) |"
    )
    assert lines[3] == "|" + "---|" * 9
    assert lines[4:8] == [
        "| ResNet-18 | jpeg | coefficients | 0.50 | 0.60 | 0.70 | 0.80 | 0.80 | 0.90 (0.65) |",
        "| ResNet-18 | jpeg, bodies | coefficients | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 2.00 |",
        "| ResNet-20 | jpeg | coefficients | 0.70 | 0.80 | 0.90 | 1.00 | 1.00 | 1.10 (0.75) |",
        "| ResNet-20 | jpeg, bodies | coefficients | 1.40 | 1.40 | 1.40 | 1.40 | 1.40 | 4.00 |",
    ]
    assert "| ResNet-20 | jpeg | coefficients | quality 90 | 0.70 | 0.80 | 0.90 | 1.00 |" in lines
    assert lines[-1] == "| ResNet-20 | jpeg, bodies | coefficients | 4.50 | - | 3.00 | 4.00 |"


def test_every_network_has_its_goals() -> None:
    assert [network.name for network in NETWORKS] == [
        "ResNet-18", "ResNet-34", "ResNet-50", "SE-ResNet-50", "ResNet-20",
    ]  # fmt: skip
    assert all({"jpeg", "auto", "bodies"} == set(network.goals) for network in NETWORKS)


@pytest.mark.slow
def test_the_script(tmp_path: Path) -> None:
    record = tmp_path / "results.json"
    arguments = ["--network", "ResNet-20", "--threads", "1", "--repeats", "1", "--seconds", "0"]
    command = [sys.executable, "-P", str(SCRIPT), str(tmp_path / "cache"), *arguments]
    done = subprocess.run(
        [*command, "--domain", "jpeg", "--json", str(record)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Network only:\n\n| network | domain | input | batch 1, 1 thread")
    results = json.loads(record.read_text(encoding="utf-8"))
    assert [(r["network"], r["input"]) for r in results] == [
        ("ResNet-20", "tensor"),
        ("ResNet-20", "coefficients"),
    ]
