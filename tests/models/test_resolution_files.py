"""Compiled files of networks at another size: their metadata, and the tools that read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.codes import refused
from support.commands import fails, run_json, run_text
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.messages import code_of
from jpegcompile.metadata import FORMAT_VERSION, info_of
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.scaled import scaled
from jpegcompile.preprocessing.steps import Crop, Filter, Resize
from jpegcompile.weights.write import save

TRAINED, RUNS = (32, 32), (24, 24)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "model.onnx"
    save(tiny_residual(3, *TRAINED), path, {})
    return path


@pytest.fixture(scope="module")
def compiled(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "compiled.onnx"
    jpegcompile.compile(original, preprocess="cifar10", resolution=RUNS).save(path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for index in range(6):
        (folder / f"class{index % 2}").mkdir(exist_ok=True)
        content = make_jpeg(*TRAINED, quality=60 + 5 * index)
        (folder / f"class{index % 2}" / f"{index}.jpg").write_bytes(content)
    return folder


def test_the_record(compiled: Path) -> None:
    info = jpegcompile.load(compiled).info
    assert (info.input.size, info.trained_size) == (RUNS, TRAINED)
    assert info.format_version == FORMAT_VERSION
    assert info.report["trained_size"] == list(TRAINED)
    data = json.loads(json.dumps(info.to_json()))
    assert info_of(data, "model") == info
    del data["trained_size"]
    assert info_of(data, "model").trained_size is None
    with refused("metadata-damaged", UnsupportedModelError):
        info_of({**data, "trained_size": [32]}, "model")


def test_inspect_shows_it(original: Path, compiled: Path, capsys: Any) -> None:
    assert "runs at 24x24, trained at 32x32" in run_text(capsys, "inspect", compiled)
    found = run_json(capsys, "inspect", original, "--resolution", "24x24", "--json")
    assert found["report"]["trained_size"] == list(TRAINED)
    with refused("option-of-compiling", UsageError):
        jpegcompile.inspect(str(compiled), resolution="24x24")


@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_verify_measures_against_the_source_at_that_size(
    target: Any, original: Path, images: Path, tmp_path: Path
) -> None:
    path = tmp_path / "compiled.onnx"
    made = jpegcompile.compile(original, preprocess="cifar10", resolution=RUNS, target=target)
    made.save(path)
    result = jpegcompile.verify(original, path, images)
    assert result.passed
    assert result.inputs == 6
    assert len(result.nodes) > 3


def test_verify_tensors(original: Path, tmp_path: Path) -> None:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(original, input="tensor", resolution="40x24").save(path)
    assert jpegcompile.verify(original, path, samples=4).passed


def test_a_planted_fault_is_found(original: Path, compiled: Path, images: Path) -> None:
    """Another source is refused, and its outputs at the new size differ."""
    session = jpegcompile.load(compiled)
    model = tiny_residual(3, *TRAINED)
    model.graph.initializer[0].raw_data = bytes(
        np.frombuffer(model.graph.initializer[0].raw_data, np.float32) * np.float32(1.1)
    )
    other = images.parent / "other.onnx"
    save(model, other, {})
    with refused("original-differs", UsageError):
        jpegcompile.verify(other, session.path, images)
    moved = images.parent / "moved.onnx"
    jpegcompile.compile(model, preprocess="cifar10", resolution=RUNS).save(moved)
    wrong = jpegcompile.load(moved).run(sorted(images.rglob("*.jpg")))
    right = session.run(sorted(images.rglob("*.jpg")))
    assert np.abs(wrong[0] - right[0]).max() > 1e-3


@pytest.mark.thorough
def test_compare_and_bench(original: Path, compiled: Path, images: Path, tmp_path: Path) -> None:
    result = jpegcompile.compare(original, compiled, images)
    assert result.agreement_exact == 1.0
    assert result.conversion.largest < 1e-4 * result.conversion.scale
    for path, given in ((compiled, images), (tmp_path / "tensors.onnx", None)):
        if given is None:
            jpegcompile.compile(original, input="tensor", resolution=RUNS).save(path)
        measured = jpegcompile.bench(
            original, path, given, batches=[1], threads=[1], rounds=1, seconds=0.01
        )
        assert measured.cells


def test_files_of_the_trained_size_are_shrunk(compiled: Path, images: Path) -> None:
    session = jpegcompile.load(compiled)
    resize = session.info.input.geometry.resize
    assert resize == Resize("exact", None, filter=Filter("dct", "jpegcompile"))
    # Other files whose eighths are whole fit too; the rest is refused.
    session.run([make_jpeg(48, 64)])
    with refused("image-size-not-eighths", jpegcompile.errors.ImageError):
        session.run([make_jpeg(50, 32)])
    assert len(session.run(sorted(images.rglob("*.jpg")))[0]) == 6


def test_the_command(original: Path, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "compiled.onnx"
    options = ("--preprocess", "cifar10", "--resolution")
    text = run_text(capsys, "compile", original, "-o", path, *options, "24x20")
    assert "note: runs at 24x20, trained at 32x32" in text
    assert 'note: preprocessing at 24x20: {"resize": ' in text
    assert jpegcompile.load(path).info.input.size == (24, 20)
    report = jpegcompile.compile(original, preprocess="cifar10", resolution="24x20").report
    codes = {code_of(note) for note in report.notes}
    assert {"resolution-changed", "preprocessing-resized"} <= codes
    fails(capsys, 2, "--resolution is '24'", "compile", original, "-o", path, *options, "24")


@pytest.mark.parametrize("size", [(192, 192), (160, 160), (160, 224), (288, 256)])
def test_sizes_follow_by_themselves_or_are_scaled(size: tuple[int, int]) -> None:
    """At any square size, a resize of 256 for a crop of 224 is a crop ratio of 0.875."""
    free = scaled(preprocess_of("imagenet"), (224, 224), size)
    assert free == preprocess_of("imagenet")
    fixed = scaled(preprocess_of({"preset": "imagenet", "resize": 256}), (224, 224), size)
    assert fixed.geometry.resize is not None
    image = (375, 500)
    resized = fixed.geometry.resize.size_of(image, size)
    if size[0] == size[1]:
        assert free.geometry.resize is not None
        assert resized == free.geometry.resize.size_of(image, size)
    assert all(side >= part for side, part in zip(resized, size, strict=True))


def test_exact_sizes_and_places_are_scaled() -> None:
    given = {"resize": {"size": [256, 320], "fit": "exact"}, "crop": [16, 48]}
    geometry = scaled(preprocess_of(given), (224, 224), (112, 168)).geometry
    assert geometry.resize == Resize("exact", (128, 240))
    assert geometry.crop == Crop((8, 36))


def test_the_size_of_a_crop_follows() -> None:
    geometry = scaled(preprocess_of("IMAGENET1K_V1"), (224, 224), (160, 160)).geometry
    assert geometry.resize == Resize("short", 182)
    assert geometry.crop == Crop(size=(160, 160))


def test_integers_are_resized_as_pillow_does() -> None:
    resize = scaled(Preprocess(decoder="libjpeg-turbo"), (32, 32), (24, 24)).geometry.resize
    assert resize == Resize("exact", None, filter=Filter("bilinear"))


def test_files_of_the_network_s_size() -> None:
    def filter_at(size: tuple[int, int]) -> Filter:
        resize = scaled(Preprocess(), (32, 32), size).geometry.resize
        assert resize is not None
        assert (resize.fit, resize.size) == ("exact", None)
        return resize.filter

    assert filter_at((24, 20)) == Filter("dct", "jpegcompile")
    assert filter_at((40, 40)) == filter_at((22, 24)) == Filter("bilinear")
    with refused("resolution-crop-without-resize", UsageError):
        scaled(preprocess_of({"crop": "center"}), (32, 32), (24, 24))
