"""The verb `gpu-check`: printed output and errors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from support.codes import code_in
from support.commands import fails, refuses, run_json, run_text
from support.processes import fresh
from support.tiers import thorough

from jpegcompile.evaluation.gpu_check import run
from jpegcompile.evaluation.gpu_check.records import (
    GpuCheck,
    KernelCheck,
    ModelCheck,
    Rate,
    Throughput,
)
from jpegcompile.runtime.triton import device

DEVICE = {"name": "GPU", "capability": "9.0", "triton": "3.9", "torch": "2.13"}
RESULT = GpuCheck(
    DEVICE,
    (
        KernelCheck("conv_pixels", "3x3", "float32", 0.25),
        KernelCheck("conv_pixels", "strided", "float32", 0.5),
        KernelCheck("conv_pixels", "3x3", "float16", 0.125),
        KernelCheck("ingest", "4:2:0", "float32", 0.0),
    ),
    (ModelCheck("digits", "float32", "CUDA graph", 1e-6, 2e-6),),
    (
        Rate("copy", "float32", 1, 1e-3, 2e9, 0.0),
        Rate("matrix product", "float16", 1, 1e-3, 1e6, 8e11),
    ),
    (Rate("layer1.0.conv1", "float16", 3, 1e-4, 1e8, 2e10),),
    (Throughput("coefficients, float16 kernels", 12345.6, 32),),
)
WRONG = KernelCheck("conv_rows", "1x1", "tf32x3", 2.5)
LOST = ModelCheck("digits", "float16", "torch.compile", math.inf, 1e-6, "RuntimeError: no compiler")


def given(monkeypatch: pytest.MonkeyPatch, result: GpuCheck) -> list[Any]:
    """Let the command return `result`, and return the list of its arguments."""
    asked: list[Any] = []

    def found(*arguments: Any, **options: Any) -> GpuCheck:
        assert not arguments
        options.pop("progress")
        asked.append(options)
        return result

    monkeypatch.setattr(run, "gpu_check", found)
    return asked


def test_what_it_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = given(monkeypatch, RESULT)
    text = run_text(capsys, "gpu-check", "--batch", "8")
    assert asked == [{"model": None, "images": None, "preprocess": None, "batch": 8}]
    head, kernels, models, rates, images, end = text.split("\n\n")
    assert head == "GPU, compute capability 9.0, Triton 3.9, PyTorch 2.13"
    lines = [line.split() for line in kernels.splitlines()]
    assert lines[0][-3:] == ["cases", "float32", "float16"]
    assert lines[1:] == [["conv_pixels", "2", "0.50", "0.12"], ["ingest", "1", "0.00", "-"]]
    assert models.splitlines()[1].split() == [
        "digits",
        "float32",
        "CUDA",
        "graph",
        "1.00e-06",
        "2.00e-06",
    ]
    rows = [line.split("  ") for line in rates.splitlines()[1:]]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells == [
        ["copy", "float32", "1", "1000.0", "2000", "100 %", "-", "-"],
        ["matrix product", "float16", "1", "1000.0", "1", "0 %", "800.0", "100 %"],
        ["layer1.0.conv1", "float16", "3", "100.0", "1000", "50 %", "200.0", "25 %"],
    ]
    assert images.splitlines()[1].split() == ["coefficients,", "float16", "kernels", "32", "12346"]
    assert end == "5 of 5 checks passed\n"
    data = run_json(capsys, "gpu-check")
    assert data["passed"] is True
    assert data["rates"][0]["bandwidth"] == pytest.approx(1e12)
    assert data["throughput"] == [
        {"pipeline": "coefficients, float16 kernels", "images": 12345.6, "batch": 32}
    ]


def test_a_check_that_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, GpuCheck(DEVICE, (WRONG,), (LOST,)))
    arguments = ("gpu-check",)
    message = fails(capsys, 1, *arguments, prints=True)
    assert "2 of 2 " in message
    assert "conv_rows (1x1) in tf32x3: the error is 2.5 times" in message
    assert code_in(message) == "gpu-checks-failed"
    given(monkeypatch, GpuCheck(DEVICE, (), (LOST,)))
    message = fails(capsys, 1, *arguments, prints=True)
    assert "digits in float16, torch.compile: RuntimeError: no compiler" in message
    off = ModelCheck("digits", "float16", "two streams", 2e-3, 1e-6)
    given(monkeypatch, GpuCheck(DEVICE, (), (off,)))
    message = fails(capsys, 1, *arguments, "--json", prints=True)
    assert "digits in float16, two streams: the error is 2.00e-03" in message


def test_failures_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from jpegcompile.cli import run_command

    given(monkeypatch, GpuCheck(DEVICE, (WRONG,), (LOST,)))
    assert run_command(["gpu-check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == [
        "FAILED: conv_rows (1x1) in tf32x3: the error is 2.5 times the tolerance",
        "FAILED: digits in float16, torch.compile: RuntimeError: no compiler",
        "0 of 2 checks passed",
    ]


def test_interpreted_kernels_are_no_check(capsys: pytest.CaptureFixture[str]) -> None:
    message = fails(capsys, 5, "gpu-check")
    assert message.startswith("gpu-check ")
    assert code_in(message) == "gpu-kernels-interpreted"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "is_interpreted", lambda: False)
    message = refuses(capsys, 5, "gpu-missing", "gpu-check")
    assert message.startswith("gpu-check ")


@thorough
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_in_a_process() -> None:
    done = fresh(
        "import os, sys; os.environ.pop('TRITON_INTERPRET', None)\n"
        "from jpegcompile.cli import run_command\n"
        "sys.exit(run_command(['gpu-check']))"
    )
    assert done.returncode == 5
    assert done.stderr.startswith("jpegcompile: gpu-check ")
    assert code_in(done.stderr.rstrip("\n")) == "gpu-missing"


@pytest.mark.parametrize("alone", ["--model", "--images", "--preprocess"])
def test_a_model_needs_images(
    alone: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = fails(capsys, 2, "gpu-check", alone, tmp_path)
    assert code_in(message) == "gpu-check-model-incomplete"
