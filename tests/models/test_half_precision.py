"""Networks in float16: converted in float16, with the rounding of float16 and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from PIL import Image
from support.graphs import TENSOR, feeds_of, outline_of, run_float32
from support.half_precision import halved
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.compile import lower
from jpegcompile.frontend.load import load_source

# Rounding once is 2^-11; a network of so few layers gathers a few of them.
HALF = 4e-3


def types_of(model: onnx.ModelProto) -> set[int]:
    """Element types of the initializers with numbers after the point."""
    kinds = {t.data_type for t in model.graph.initializer}
    return kinds & {TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE}


def distance(actual: np.ndarray, expected: np.ndarray) -> float:
    wide = expected.astype(np.float64)
    return float(np.abs(actual.astype(np.float64) - wide).max() / np.abs(wide).max())


@pytest.mark.parametrize("keep_ends", [False, True])
@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_tensors(keep_ends: bool, target: str) -> None:
    model = halved(tiny_residual(), keep_ends=keep_ends)
    compiled = jpegcompile.compile(model, input="tensor", target=target)  # type: ignore[arg-type]
    assert not compiled.report.kept
    assert types_of(compiled.model) <= {TensorProto.FLOAT16} | (
        {TensorProto.FLOAT} if keep_ends else set()
    )
    feeds = feeds_of(model)
    for actual, expected in zip(
        run_float32(compiled.model, feeds), run_float32(model, feeds), strict=True
    ):
        assert actual.dtype == expected.dtype == (np.float32 if keep_ends else np.float16)
        assert distance(actual, expected) < HALF


def test_casts_of_maps_are_lowered() -> None:
    module = lower(
        load_source(halved(tiny_residual(), keep_ends=True)), replace(TENSOR, image_input=None)
    )
    assert outline_of(module).startswith("ToJpeg Cast JpegConv")
    assert not module.report.kept


def photographs(folder: Path) -> Path:
    folder.mkdir()
    generator = np.random.default_rng(3)
    for index in range(8):
        pixels = generator.integers(0, 256, (4, 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(pixels).save(folder / f"{index}.jpg", quality=90)
    return folder


@pytest.mark.parametrize("keep_ends", [False, True])
def test_coefficients(keep_ends: bool, tmp_path: Path) -> None:
    """The ingest is in float32, and rounded once; verify has a tolerance for float16."""
    source = tmp_path / "half.onnx"
    onnx.save(halved(tiny_residual(), keep_ends=keep_ends), source)
    compiled = jpegcompile.compile(source, preprocess="cifar10")
    ops = [node.op_type for node in compiled.model.graph.node[:3]]
    assert ops[:2] == ["JpegIngest", "Cast"]
    assert not compiled.report.kept
    compiled.save(tmp_path / "c.onnx")
    images = photographs(tmp_path / "images")
    result = jpegcompile.verify(source, tmp_path / "c.onnx", images)
    assert result.is_half
    assert result.passed
    assert 1e-6 < max(o.conversion / o.largest for o in result.outputs) < HALF
    strict = jpegcompile.verify(source, tmp_path / "c.onnx", images, absolute=0.0, relative=1e-5)
    assert not strict.passed


def test_other_samplings_begin_behind_the_ingest(tmp_path: Path) -> None:
    source = tmp_path / "half.onnx"
    onnx.save(halved(tiny_residual()), source)
    jpegcompile.compile(source, preprocess="cifar10").save(tmp_path / "c.onnx")
    session = jpegcompile.load(tmp_path / "c.onnx")
    images = sorted(photographs(tmp_path / "images").iterdir())
    full = tmp_path / "full.jpg"
    with Image.open(images[0]) as image:
        image.save(full, quality=90, subsampling=0)
    for outputs in (session.run([full]), session.run([images[0], full])):
        assert all(np.isfinite(output).all() for output in outputs)
    (first, _), (second, _) = session.run([images[0]]), session.run([full])
    assert distance(first, second) < 0.2
