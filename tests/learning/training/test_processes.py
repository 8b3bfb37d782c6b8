"""Learning in processes: several together by torchrun, and processes that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support.commands import few_images
from support.tiers import thorough

from jpegcompile.digits import model_path, preprocess_path

TESTS = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
WORKER = TESTS / "support" / "learning_worker.py"
WAITING = TESTS / "support" / "waiting_worker.py"


def torchrun(
    processes: int, *arguments: object, fails: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a program in processes of its own."""
    launcher = [sys.executable, "-P", "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, f"--nproc-per-node={processes}", *map(str, arguments)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert (done.returncode != 0) == fails, done.stderr
    return done


def learned(folder: Path, ranks: int, rank: int) -> Any:
    return torch.load(folder / f"{ranks}-{rank}.pt", weights_only=True)


@thorough
@pytest.mark.parametrize("has_statistics", [True, False])
def test_processes_have_equal_weights(tmp_path: Path, has_statistics: bool) -> None:
    for ranks in (1, 2):
        torchrun(ranks, WORKER, tmp_path, int(has_statistics))
    first, second = learned(tmp_path, 2, 0), learned(tmp_path, 2, 1)
    alone = learned(tmp_path, 1, 0)
    for name, weights in first["weights"].items():
        assert torch.equal(weights, second["weights"][name]), name
    assert [e["validation"] for e in first["epochs"]] == [e["validation"] for e in second["epochs"]]
    assert first["epochs"][0]["images"] == alone["epochs"][0]["images"]
    largest = max(
        float((weights - alone["weights"][name]).abs().max())
        for name, weights in first["weights"].items()
    )
    # Without statistics of a batch, parts of a batch have the gradient of the batch, apart from
    # rounding in ten steps.
    assert (largest < 1e-4) != has_statistics


def weights(path: Path) -> dict[str, Any]:
    model = onnx.load(path)
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def finetune(images: Path, output: Path, *more: object) -> list[str]:
    given = ("--images", images, "--preprocess", preprocess_path(), "-o", output)
    options = ("--batch", 4, "--epochs", 3, "--device", "cpu", "--validation", 0.2)
    arguments = ("finetune", model_path(), *given, *options, *more)
    return [sys.executable, "-P", "-m", "jpegcompile", *map(str, arguments)]


@thorough
def test_killed_at_random_moments(tmp_path: Path) -> None:
    images = few_images(tmp_path)
    whole, resumed = tmp_path / "whole.onnx", tmp_path / "resumed.onnx"
    checkpoint = tmp_path / "c.pt"
    subprocess.run(finetune(images, whole), env=ENVIRONMENT, check=True, capture_output=True)
    command = finetune(
        images, resumed, "--checkpoint", checkpoint, "--checkpoint-every", 1, "--resume"
    )
    generator, kills = random.Random(7), 0
    while kills < 6:
        with subprocess.Popen(
            command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
            while process.poll() is None and not _is_newer(checkpoint, before):
                time.sleep(0.005)
            time.sleep(generator.uniform(0, 0.2))
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            kills += 1
    assert kills > 1
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
    expected, found = weights(whole), weights(resumed)
    assert all(np.array_equal(values, found[name]) for name, values in expected.items())


def _is_newer(file: Path, before: int) -> bool:
    return file.exists() and file.stat().st_mtime_ns > before


@thorough
def test_the_command_in_two_processes(tmp_path: Path) -> None:
    images = few_images(tmp_path)
    output = tmp_path / "out.onnx"
    program = finetune(images, output, "--metrics", tmp_path / "m.csv")[2:]
    done = torchrun(2, *program)
    assert done.stdout.count("wrote ") == 1
    assert "in 2 processes" in done.stdout
    assert output.exists()
    assert len((tmp_path / "m.csv").read_text().splitlines()) == 4


@thorough
def test_processes_wait_for_what_the_first_one_does(tmp_path: Path) -> None:
    """Such as building a cache, however long that takes."""
    torchrun(2, WAITING, tmp_path / "done")


@thorough
def test_the_first_process_builds_a_cache(tmp_path: Path) -> None:
    images = few_images(tmp_path)
    cache = tmp_path / "cache.jpegcache"
    done = torchrun(2, *finetune(images, tmp_path / "out.onnx", "--cache", cache)[2:])
    assert "in 2 processes" in done.stdout
    assert cache.exists()


@thorough
def test_a_process_that_fails_ends_the_others(tmp_path: Path) -> None:
    images = few_images(tmp_path)
    (images / "3" / "broken.jpg").write_bytes(b"no image")
    output = tmp_path / "out.onnx"
    program = finetune(images, output, "--validation", 0)[2:]
    lines = [line for line in torchrun(2, *program, fails=True).stderr.splitlines() if "]" in line]
    for code in ("jpeg-not-recognized", "process-lost"):
        assert sum(line.endswith(f"[{code}]") for line in lines) == 1
    assert not output.exists()
