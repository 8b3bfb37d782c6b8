"""Errors of the original's sums over maps are not defects of the compiled model."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from support.graphs import Graph
from support.images import make_jpeg

import jpegcompile
from jpegcompile.errors import CheckFailedError
from jpegcompile.evaluation import rounding
from jpegcompile.evaluation.moved import moved
from jpegcompile.evaluation.precise_sums import with_precise_sums
from jpegcompile.evaluation.tolerance import MULTIPLE
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.target.base import CPU_PROVIDERS

SIDE = 64
POOL = """(T[N,3,64,64] x) => (T[] y) {
    a = Conv<pads = [1, 1, 1, 1]>(x, w)  r = Relu(a)  g = GlobalAveragePool(r)
    f = Flatten(g)  y = Gemm(f, v) }"""
SUMS = """(T[N,3,64,64] x) => (T[] y) {
    a = Conv<pads = [1, 1, 1, 1]>(x, w)  r = Relu(a)
    g = ReduceSum<keepdims = 0>(r, axes)  y = Gemm(g, v) }"""
WEIGHTS: dict[str, Any] = {"w": (8, 3, 3, 3), "v": (8, 10)}


def model(text: str = POOL) -> onnx.ModelProto:
    more = {"axes": np.array([2, 3])} if "axes)" in text else {}
    return Graph(text, {**WEIGHTS, **more}).model("float")


def white() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (SIDE, SIDE), (255, 255, 255)).save(stream, "JPEG")
    return stream.getvalue()


def run(opened: onnx.ModelProto, image: Any) -> Any:
    session = ort.InferenceSession(opened.SerializeToString(), providers=list(CPU_PROVIDERS))
    return session.run(None, {"x": image})[0]


@pytest.mark.parametrize("text", [POOL, SUMS])
def test_sums_in_float64(text: str) -> None:
    source = model(text)
    precise = with_precise_sums(source)
    assert precise is not None
    image = np.ones((2, 3, SIDE, SIDE), np.float32)
    weights = {t.name: numpy_helper.to_array(t).astype(float) for t in source.graph.initializer}
    inner = onnx.ModelProto()
    inner.CopyFrom(source)
    inner.graph.output[0].CopyFrom(helper.make_tensor_value_info("r", TensorProto.FLOAT, None))
    reduce = np.mean if text == POOL else np.sum
    wanted = reduce(run(inner, image).astype(float), axis=(2, 3)) @ weights["v"]
    scale = float(np.abs(wanted).max())
    off = np.abs(run(precise, image) - wanted).max()
    assert off < 1e-6 * scale
    # The original's own sums of equal values.
    assert np.abs(run(source, image) - wanted).max() > 2 * off


def test_models_without_such_sums() -> None:
    text = "(T[N,3,64,64] x) => (T[] y) { y = Conv<pads = [1, 1, 1, 1]>(x, w) }"
    plain = Graph(text, {"w": (8, 3, 3, 3)}).model("float")
    assert with_precise_sums(plain) is None
    both = with_precise_sums(moved(model(), "x", MULTIPLE))
    assert both is not None
    onnx.checker.check_model(both)


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path, Path]:
    source, compiled, folder = tmp_path / "s.onnx", tmp_path / "c.onnx", tmp_path / "images"
    onnx.save(model(), source)
    jpegcompile.compile(source, preprocess="unit").save(compiled)
    folder.mkdir()
    return source, compiled, folder


def test_an_image_of_one_color(
    paths: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, folder = paths
    (folder / "white.jpg").write_bytes(white())
    require_passed(jpegcompile.verify(*paths))
    monkeypatch.setattr(rounding, "with_precise_sums", lambda model: None)
    with pytest.raises(CheckFailedError):
        require_passed(jpegcompile.verify(*paths))


def test_photographs_are_allowed_no_more(
    paths: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, folder = paths
    (folder / "image.jpg").write_bytes(make_jpeg(SIDE, SIDE))
    (output,) = jpegcompile.verify(*paths).outputs
    monkeypatch.setattr(rounding, "with_precise_sums", lambda model: None)
    (without,) = jpegcompile.verify(*paths).outputs
    assert output.allowed < 2 * without.allowed
