"""The benchmarks of networks: options, checks, tables and records."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest
from benchmarks import photographs
from benchmarks.command import (
    markdown_table,
    measure_networks,
    names_among,
    network_parser,
    positive_numbers,
)
from benchmarks.end_to_end import verify_compiled
from benchmarks.networks import DOMAINS, NETWORKS, compile_into, markdown, rows_of
from benchmarks.runtimes import ONNX_RUNTIME, Side
from onnx import numpy_helper
from support.images import make_jpeg
from support.tiers import thorough
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.evaluation.benchmark.record import flat
from jpegcompile.weights.write import save

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.mark.parametrize("script", ["networks.py", "end_to_end.py", "two_cores.py"])
def test_unknown_names(script: str, tmp_path: Path) -> None:
    command = [sys.executable, "-P", str(BENCHMARKS / script), str(tmp_path)]
    done = subprocess.run(
        [*command, "--network", "ResNet-18,ResNet-19"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "'ResNet-19' is not one of ResNet-18, ResNet-34" in done.stderr
    assert done.stdout == ""


def test_unknown_values_and_numbers_below_1() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="'onnx' is not one of jpeg, auto"):
        names_among(DOMAINS)("jpeg,onnx")
    with pytest.raises(argparse.ArgumentTypeError, match="'1,0'"):
        positive_numbers("1,0")
    assert names_among(DOMAINS)("auto") == ["auto"]
    assert positive_numbers("2,1") == [2, 1]


def test_results_are_written_one_by_one(tmp_path: Path) -> None:
    known = [SimpleNamespace(name=name) for name in "abc"]
    file = tmp_path / "results.json"
    given = [str(tmp_path / "cache"), "--network", "c,a", "--json", str(file)]
    arguments = network_parser("Time.\n\nMore.", list("abc"), chosen=["b"]).parse_args(given)
    written: list[Any] = []

    def measured(network: Any, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
        for turn in range(2):
            written.append(json.loads(file.read_text())["rows"] if file.exists() else None)
            yield {"network": network.name, "turn": turn}

    results = measure_networks("time", known, measured, arguments)
    assert [(result["network"], result["turn"]) for result in results] == [
        *(("a", 0), ("a", 1)),
        *(("c", 0), ("c", 1)),
    ]
    assert written == [None, *(results[:count] for count in (1, 2, 3))]
    record = json.loads(file.read_text())
    assert (record["benchmark"], record["settings"]) == ("time", {"rounds": 5})
    assert record["rows"] == results
    assert markdown_table(["x", "y"], [["1", "2"]]) == "| x | y |\n|---|---|\n| 1 | 2 |"


def test_a_compiled_network_with_other_answers_is_not_timed(tmp_path: Path) -> None:
    source, path, images = tmp_path / "source.onnx", tmp_path / "jpeg.onnx", tmp_path / "images"
    onnx.save(tiny_residual(), source)
    compile_into(path, source, "jpeg", {"preprocess": "cifar10"})
    images.mkdir()
    (images / "image.jpg").write_bytes(make_jpeg(32, 32))
    info = jpegcompile.load(path).info
    models = {ONNX_RUNTIME: source, "jpeg": path}
    sides = [Side(name, str(m), info, 1) for name, m in models.items()]
    verify_compiled(sides, str(images))
    model = onnx.load(path)
    weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(weights), weights.name))
    save(model, path)
    with pytest.raises(SystemExit, match="conversion error"):
        verify_compiled(sides, str(images))


def result(network: str, batches: tuple[int, int], base: float) -> dict[str, Any]:
    """Return the JSON of `bench`, with ratios that count up from `base`."""
    cells = []
    for index, (batch, threads) in enumerate((b, t) for b in batches for t in (1, 2)):
        ratio = {"compiled": base + index / 10, "portable": 2 * base}
        names = [("network", None), ("end to end", "quality 75"), ("end to end", "quality 90")]
        seconds = {"spatial": 2.0, "compiled": 1.0, "portable": 3.0}
        common = {"ratio": ratio, "ratio_to": {"spatial": ratio}, "seconds": seconds}
        timings = [{"stage": s, "inputs": i, **common} for s, i in names]
        sides = {
            name: {"creation": 1.0 + index, "memory": 7}
            for name in ("spatial", "compiled", "portable")
        }
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


def test_rows_of_the_record() -> None:
    rows = list(rows_of(result("ResNet-18", (1, 8), 0.5)))
    assert [(row["batch"], row["threads"], row["side"]) for row in rows[:4]] == [
        *((1, 1, side) for side in ("spatial", "compiled", "portable")),
        (1, 2, "spatial"),
    ]
    first, second = (flat(row) for row in rows[:2])
    assert second["run"] == "batch 1, 1 thread"
    assert first["network"] == "ResNet-18"
    assert first["seconds/end to end quality 75"] == 2.0
    assert "ratio/network" not in first
    assert second["ratio/network"] == 0.5
    assert second["costs/memory"] == 1.5
    assert not any(name.startswith("ratio_to") for name in second)


def photographs_result(network: str) -> dict[str, Any]:
    """Return the JSON of `bench` for images of any size, in seconds of a batch of 4."""
    cells = []
    for threads, stage in ((1, "end to end"), (2, "pipelined")):
        # The table shows no other stages.
        timings: list[dict[str, Any]] = [
            {
                "stage": name,
                "inputs": None,
                "ratio": {"torchvision": 1.25, "compiled": 0.5},
                "seconds": {"pillow": 0.4, "torchvision": 0.5, "compiled": seconds},
                "ratio_to": {"pillow": {"compiled": 0.5}, "torchvision": {"compiled": 0.4}},
            }
            for name, seconds in (("input", 9.0), (stage, 0.2 / threads))
        ]
        sides = {side: {"creation": 1.0, "memory": None} for side in timings[0]["seconds"]}
        cell = {"batch": 4, "threads": threads, "timings": timings, "sides": sides, "ratio": {}}
        cells.append(cell)
    rivals = {"pillow": "", "torchvision": ""}
    return {"network": network, "domain": "auto", "rivals": rivals, "cells": cells}


def test_the_table_of_photographs() -> None:
    lines = photographs.markdown([photographs_result("ResNet-18")]).splitlines()
    assert lines == [
        "| network | domain | threads | compiled | pillow | times | torchvision | times |",
        "|" + "---|" * 8,
        "| ResNet-18 | auto | 1, end to end | 20.0 | 10.0 | 2.00 | 8.0 | 2.50 |",
        "| ResNet-18 | auto | 2, pipelined | 40.0 | 10.0 | 2.00 | 8.0 | 2.50 |",
    ]


def test_rows_of_photographs_have_ratios_to_every_rival() -> None:
    rows = [flat(row) for row in rows_of(photographs_result("ResNet-18"))]
    assert [row["side"] for row in rows] == 2 * ["pillow", "torchvision", "compiled"]
    assert rows[-1]["ratio_to/pipelined/torchvision"] == 0.4
    assert rows[-1]["seconds/pipelined"] == 0.1


def test_every_network_has_its_goals() -> None:
    assert [network.name for network in NETWORKS] == [
        "ResNet-18", "ResNet-34", "ResNet-50", "SE-ResNet-50", "ResNet-20",
    ]  # fmt: skip
    assert all({"jpeg", "auto", "bodies"} == set(network.goals) for network in NETWORKS)


@thorough
def test_the_script(tmp_path: Path) -> None:
    record = tmp_path / "results.json"
    arguments = ["--network", "ResNet-20", "--threads", "1", "--rounds", "1", "--seconds", "0"]
    command = [
        sys.executable,
        "-P",
        str(BENCHMARKS / "networks.py"),
        str(tmp_path / "cache"),
        *arguments,
    ]
    done = subprocess.run(
        [*command, "--domain", "jpeg", "--json", str(record)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Network only:\n\n| network | domain | input | batch 1, 1 thread")
    rows = json.loads(record.read_text(encoding="utf-8"))["rows"]
    assert [
        (r["network"], r["input"]) for r in rows if (r["side"], r["batch"]) == ("compiled", 1)
    ] == [
        ("ResNet-20", "tensor"),
        ("ResNet-20", "coefficients"),
    ]
