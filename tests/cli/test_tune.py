"""The verb `tune`: printed output and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.codes import code_in
from support.commands import fails, refuses, run_json, run_text
from support.gpu_models import small_folder
from support.processes import fresh
from support.tiers import thorough

from jpegcompile.gpu.launch import Tiling
from jpegcompile.runtime.triton import device
from jpegcompile.tuning import tune
from jpegcompile.tuning.record import Dropped, KernelTuning, Tuning

DEVICE = {"name": "GPU", "capability": "9.0", "triton": "3.9", "torch": "2.13"}
SLOW = Dropped(Tiling(128, 64, 32, 4, 4), "does not run: it is too large")
RESULT = Tuning(
    DEVICE,
    32,
    {
        "0a": KernelTuning(("b", "d"), "Convolution", Tiling(64, 128, 64, 8, 3), 2e-6, 3e-6, 9),
        "0b": KernelTuning(("pool",), "MaxPool", Tiling(), 1e-6, 1e-6, 5, (SLOW,) * 12),
    },
    1,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_folder(tmp_path_factory.mktemp("small") / "model")


def test_what_tune_prints(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    asked: list[Any] = []

    def given(model: Path, **options: Any) -> Tuning:
        asked.append((model, options.pop("progress") is None, options))
        return RESULT

    monkeypatch.setattr(tune, "tune", given)
    text = run_text(capsys, "tune", "model", "--batch", "32", "--again")
    assert asked == [(Path("model"), False, {"batch": 32, "again": True})]
    table, totals = text.split("\n\n")
    head, first, second = table.splitlines()
    assert head.split() == [
        "kernel",
        "kind",
        "calls",
        "tiling",
        "default",
        "us",
        "us",
        "gain",
        "timed",
        "dropped",
    ]
    assert first.split("  ")[0] == "b"
    assert "64x128x64, 8 warps, 3 stages" in first
    assert first.split()[-5:] == ["3.0", "2.0", "1.50", "9", "0"]
    assert second.split()[-5:] == ["1.0", "1.0", "1.00", "5", "12"]
    lines = totals.splitlines()
    assert lines[0] == (
        "3 calls of 2 kernels, 1 measured now: 7.0 us with default tilings, 5.0 us tuned, for a"
        " batch of 32 on GPU with Triton 3.9"
    )
    assert lines[1] == "dropped 12 candidates:"
    assert lines[2] == "  pool 128x64x32, 4 warps, 4 stages: does not run: it is too large"
    assert lines[-1] == "  and 2 more; --json lists all"
    data = run_json(capsys, "tune", "model")
    assert data["device"] == DEVICE
    assert (data["batch"], data["measured"]) == (32, 1)
    assert data["seconds"] == pytest.approx(5e-6)
    assert data["default_seconds"] == pytest.approx(7e-6)
    assert data["kernels"]["0a"]["tiling"] == RESULT.kernels["0a"].tiling.to_json()
    assert len(data["kernels"]["0b"]["dropped"]) == 12


def test_interpreted_kernels_are_not_timed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = fails(capsys, 5, "tune", folder)
    assert message.startswith("tune ")
    assert code_in(message) == "gpu-kernels-interpreted"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "is_interpreted", lambda: False)
    message = refuses(capsys, 5, "gpu-missing", "tune", folder)
    assert message.startswith("tune ")


@thorough
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_in_a_process(folder: Path) -> None:
    done = fresh(
        "import os, sys; os.environ.pop('TRITON_INTERPRET', None)\n"
        "from jpegcompile.cli import run_command\n"
        "sys.exit(run_command(['tune', sys.argv[1]]))",
        folder,
    )
    assert done.returncode == 5
    assert done.stderr.startswith("jpegcompile: tune ")
    assert code_in(done.stderr) == "gpu-missing"


def test_what_is_no_model_for_gpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none"
    message = fails(capsys, 5, "tune", path)
    assert message.startswith(f"{path / 'manifest.json'}: ")
    assert code_in(message) == "json-unreadable"
    message = fails(capsys, 2, "tune", tmp_path)
    assert message.startswith(f"{tmp_path}: ")
    assert code_in(message) == "tune-not-a-module"
    assert fails(capsys, 2, "tune", tmp_path, "--batch", "0") == (
        "Invalid value for '--batch': 0 is not in the range 1<=x<=65536;"
        " see 'jpegcompile tune --help' [parameter-malformed]"
    )
