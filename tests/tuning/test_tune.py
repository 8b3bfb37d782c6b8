"""Tuning with a fake timer: tilings that are measured, kept, resumed and dropped."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.codes import refused
from support.gpu_models import plant, small_folder
from torch import Tensor

import jpegcompile
from jpegcompile.errors import AccessError, UsageError
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.launch import Tiling
from jpegcompile.messages import code_of
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.tuning.record import Tuning
from jpegcompile.tuning.tune import tune_with

DEVICE = {"name": "GPU", "capability": "9.0", "triton": "3.9", "torch": "2.13"}
OTHER = {**DEVICE, "name": "another GPU"}
CALLS = {"b", "d", "f", "g", "h"}


class FakeTimer:
    """A timer for which fewer warps are faster; it records tilings, and may stop."""

    def __init__(self, stops_at: int = 1 << 30) -> None:
        self.asked: list[Tiling] = []
        self._stops_at = stops_at

    def prepared(self, call: Callable[[], object]) -> Callable[[], float]:
        tiling: Tiling = call.tiling  # type: ignore[attr-defined]
        self.asked.append(tiling)
        if len(self.asked) == self._stops_at:
            raise KeyboardInterrupt
        return lambda: 1e-6 * tiling.warps


def three(kernel: Kernel, precision: Precision) -> tuple[Tiling, ...]:
    """Return tilings with 8 warps (as the default tiling), 2 warps and 1 warp."""
    default = replace(kernel.default_tiling(precision), rows=64, warps=8)
    return default, replace(default, warps=2), replace(default, warps=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_folder(tmp_path_factory.mktemp("small") / "model")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "model"))


def tuned(folder: Path, timer: FakeTimer | None = None, **options: Any) -> Tuning:
    given = {"device": DEVICE, "batch": 1, "of": three, **options}
    return tune_with(folder, given.pop("device"), timer or FakeTimer(), **given)


def manifest(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return data


def test_the_fastest_tilings_are_kept(folder: Path) -> None:
    before = manifest(folder)
    result = tuned(folder)
    after = manifest(folder)
    assert set(after["tilings"]) == CALLS
    assert all(tiling["warps"] == 1 for tiling in after["tilings"].values())
    assert after["tuning"] == result.to_manifest()
    assert after["tuning"]["device"] == DEVICE
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"tilings", "tuning"}
    module = jpegcompile.load_module(folder)
    for name, tiling in result.tilings.items():
        call = module.get_submodule(name)
        assert isinstance(call, KernelModule)
        assert call.tiling == tiling


def test_equal_kernels_are_measured_once(folder: Path) -> None:
    timer = FakeTimer()
    result = tuned(folder, timer)
    assert sorted(record.names for record in result.kernels.values()) == [
        ("b", "d", "f"),
        ("g",),
        ("h",),
    ]
    assert (result.measured, len(timer.asked)) == (3, 9)
    assert result.default_seconds == pytest.approx(1e-6 * 5 * 8)
    assert result.seconds == pytest.approx(1e-6 * 5)


def test_a_second_run_measures_nothing(folder: Path) -> None:
    first, content = tuned(folder), manifest(folder)
    timer = FakeTimer()
    second = tuned(folder, timer)
    assert (timer.asked, second.measured) == ([], 0)
    assert second.to_manifest() == first.to_manifest()
    assert manifest(folder) == content
    assert tuned(folder, again=True).measured == 3
    assert tuned(folder, device=OTHER).measured == 3
    assert manifest(folder)["tuning"]["device"] == OTHER
    assert tuned(folder, device=OTHER, batch=2).measured == 3


def test_a_run_that_was_stopped_goes_on(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        tuned(folder, FakeTimer(stops_at=5))
    assert set(manifest(folder)["tilings"]) == {"b", "d", "f"}
    timer = FakeTimer()
    assert tuned(folder, timer).measured == 2
    assert len(timer.asked) == 6
    assert set(manifest(folder)["tilings"]) == CALLS


def planted(monkeypatch: pytest.MonkeyPatch, fault: Callable[[Tensor], Tensor], warps: int) -> None:
    """Give kernels with this number of warps another result."""
    plant(monkeypatch, fault, lambda module: module.tiling.warps == warps)


def test_wrong_results_are_dropped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, lambda made: made * 1.001, 1)
    result = tuned(folder)
    assert {tiling.warps for tiling in result.tilings.values()} == {2}
    for record in result.kernels.values():
        (dropped,) = record.dropped
        assert dropped.tiling.warps == 1
        assert code_of(dropped.reason) == "tiling-result-differs"
        assert "by 1.0e-03 of the largest" in dropped.reason
    kept = manifest(folder)["tuning"]["kernels"].values()
    assert all(len(record["dropped"]) == 1 for record in kept)
    assert Tuning.of_manifest(manifest(folder)["tuning"]) == replace(result, measured=0)


def test_numbers_that_are_not_finite_are_dropped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, lambda made: made * float("nan"), 1)
    assert {tiling.warps for tiling in tuned(folder).tilings.values()} == {2}


def test_roundings_are_no_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, lambda made: made * (1 + 1e-6), 1)
    assert {tiling.warps for tiling in tuned(folder).tilings.values()} == {1}


def failing(made: Tensor) -> Tensor:
    raise RuntimeError("out of resource:\nshared memory")


def test_what_does_not_run_is_dropped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, failing, 1)
    result = tuned(folder)
    assert {tiling.warps for tiling in result.tilings.values()} == {2}
    reasons = {one.reason for record in result.kernels.values() for one in record.dropped}
    assert {code_of(reason) for reason in reasons} == {"tiling-does-not-run"}
    assert all("out of resource: shared memory" in reason for reason in reasons)


def test_a_default_that_does_not_run_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, failing, 8)
    with pytest.raises(RuntimeError, match="out of resource"):
        tuned(folder)
    assert manifest(folder)["tilings"] == {}


def test_a_small_gain_changes_nothing(folder: Path) -> None:
    class Close(FakeTimer):
        def prepared(self, call: Callable[[], object]) -> Callable[[], float]:
            run = super().prepared(call)
            return lambda: 1.0 + run()

    result = tuned(folder, Close())
    assert {tiling.warps for tiling in result.tilings.values()} == {8}


def test_the_manifest_is_whole_or_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder / "manifest.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AccessError, match="No space left on device"):
        tuned(folder)
    assert (folder / "manifest.json").read_bytes() == before
    assert sorted(file.name for file in folder.iterdir() if file.is_file()) == [
        "manifest.json",
        "model.py",
        "weights.safetensors",
    ]


def test_progress_counts_kernels(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    tuned(folder, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_another_batch_than_the_models(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "bound", batch="2")
    with refused("tune-fixed-batch", UsageError) as caught:
        tuned(folder, batch=3)
    assert str(caught.value).startswith(f"{folder}: ")
    assert tuned(folder, batch=None).batch == 2
