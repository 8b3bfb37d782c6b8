"""Modules for --target triton read files of any size and return the outputs of ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.codes import refused
from support.images import make_jpeg
from support.tiers import quick_of
from support.triton_modules import AGREEMENT, Array, Material, distance

import jpegcompile
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.read import read_coefficients_many
from jpegcompile.network_input import NetworkInput
from jpegcompile.runtime.triton import module as modules
from jpegcompile.runtime.triton.module import CompiledModule
from jpegcompile.runtime.triton.photographs import PACKED_TO_FILE, is_for_host

RESIZED: dict[str, Any] = {"preset": "unit", "resize": {"fit": "exact"}}
PADDED: dict[str, Any] = {"preset": "unit", "resize": {"fit": "pad"}, "orientation": True}
# Width and height: smaller than the network input, larger, and with another aspect ratio.
SIZES = [(24, 40), (97, 61), (130, 33)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photographs")
    paths = []
    for index, (width, height) in enumerate(SIZES):
        paths.append(folder / f"{index}.jpg")
        paths[-1].write_bytes(make_jpeg(width, height))
    return paths


def both(
    tiny: Material, files: list[Path], folder: Path, preprocess: dict[str, Any]
) -> tuple[CompiledModule, list[Array]]:
    """A module, and the outputs of ONNX Runtime for the files."""
    jpegcompile.compile(tiny.model, target="triton", preprocess=preprocess).save(folder / "m")
    jpegcompile.compile(tiny.model, preprocess=preprocess).save(folder / "m.onnx")
    module = jpegcompile.load_module(folder / "m")
    return module, list(jpegcompile.load(folder / "m.onnx").run(files))


@pytest.mark.parametrize("place", ["on the host", "on the device"])
def test_resized_on_either_side(
    tiny: Material,
    files: list[Path],
    tmp_path: Path,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(modules, "is_for_host", lambda some, taken: place == "on the host")
    module, expected = both(tiny, files, tmp_path, RESIZED)
    assert distance(module.run(files), expected) < AGREEMENT
    assert module.execution.inputs == {place: len(files)}
    assert f"images preprocessed: {len(files)} {place}" in str(module.execution)


def test_what_the_kernel_does_not_take_is_made_on_the_host(
    tiny: Material, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "is_for_host", lambda some, taken: False)
    module, expected = both(tiny, files, tmp_path, PADDED)
    assert distance(module.run(files), expected) < AGREEMENT
    assert module.execution.inputs == {"on the host": len(files)}


def test_small_files_are_sent_as_coefficients(files: list[Path]) -> None:
    packed = PACKED_TO_FILE * sum(path.stat().st_size for path in files)
    # Three channels of two bytes each.
    pixels = int(packed / 6 / len(files))
    assert not is_for_host(files, NetworkInput("x", 3, 1, pixels + 1, "NCHW"))
    assert is_for_host(files, NetworkInput("x", 3, 1, pixels // 2, "NCHW"))
    assert is_for_host([bytes(1 << 20)], NetworkInput("x", 3, 1, pixels + 1, "NCHW"))


def test_a_call_takes_files_of_the_networks_size(
    tiny: Material, files: list[Path], tmp_path: Path
) -> None:
    module, _ = both(tiny, files, tmp_path, RESIZED)
    with refused("module-call-frame-mismatch", ImageError) as caught:
        module.feeds(files)
    assert "24x40 4:2:0" in str(caught.value)


def test_damaged_files_are_left_out(tiny: Material, files: list[Path], tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(files[1].read_bytes()[:200])
    module, expected = both(tiny, files, tmp_path, RESIZED)
    made = module.run([files[0], damaged, *files[1:]], on_error="skip")
    assert made.used == (0, 2, 3)
    assert [skipped.file for skipped in made.skipped] == [str(damaged)]
    assert distance(made, expected) < AGREEMENT


@pytest.mark.parametrize("mode", quick_of(["coefficients", "tensor"]))
def test_several_views_are_made_on_the_host(
    tiny: Material, files: list[Path], tmp_path: Path, mode: Any
) -> None:
    preprocess = {**RESIZED, "resize": 44, "views": "five"}
    options: dict[str, Any] = {"preprocess": preprocess, "input": mode}
    jpegcompile.compile(tiny.model, target="triton", **options).save(tmp_path / "m")
    jpegcompile.compile(tiny.model, **options).save(tmp_path / "m.onnx")
    module = jpegcompile.load_module(tmp_path / "m")
    expected = list(jpegcompile.load(tmp_path / "m.onnx").run(files[:2]))
    assert distance(module.run(files[:2]), expected) < AGREEMENT
    assert module.execution.inputs == ({"on the host": 2} if mode == "coefficients" else {})
    read = read_coefficients_many(files[:2])
    assert distance(module.run_coefficients(read), expected) < AGREEMENT
    with refused("module-call-with-views", UsageError):
        module.feeds(files)
