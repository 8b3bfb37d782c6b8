"""Models with further inputs, which stay unchanged in every input mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from support.codes import code_in, refused
from support.commands import fails, few_images
from support.graphs import Graph, assert_differs, assert_same, feeds_of, run_float32
from support.images import make_jpeg
from support.open_size import opened, shape_of
from support.refusals import refused_model

import jpegcompile
from jpegcompile.dct.decode import decode
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.messages import code_of

# Besides the image `x`: an input of another rank before it, a second input of rank 4, and integers.
TEXT = """(float[K] v, float[N,3,16,16] x, float[N,4,H,8] z, int64[N,1,8,8] i)
    => (float[N,4] y, float[N,4,8,8] u) {
    a = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, w)  r = Relu(a)  s = Add(r, z)
    f = Cast<to = 1>(i)  u = Mul(s, f)  g = GlobalAveragePool(u)  h = Flatten(g)
    m = ReduceSum<keepdims = 1>(v)  y = Add(h, m) }"""
SOURCE = Graph(TEXT, {"w": (4, 3, 3, 3)}).model("float")
OTHERS = {
    "v": (TensorProto.FLOAT, ["K"]),
    "z": (TensorProto.FLOAT, ["N", 4, "H", 8]),
    "i": (TensorProto.INT64, ["N", 1, 8, 8]),
}


def feeds() -> dict[str, Any]:
    generator = np.random.default_rng(5)
    return {
        "v": generator.standard_normal(5).astype(np.float32),
        "z": generator.standard_normal((2, 4, 8, 8)).astype(np.float32),
        "i": generator.integers(-3, 4, (2, 1, 8, 8)),
    }


def others_of(model: onnx.ModelProto) -> dict[str, Any]:
    return {
        v.name: (v.type.tensor_type.elem_type, shape_of(v))
        for v in model.graph.input
        if v.name in OTHERS
    }


@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_tensors(target: Any) -> None:
    result = jpegcompile.compile(SOURCE, input="tensor", image_input="x", target=target)
    assert [v.name for v in result.model.graph.input] == ["v", "x", "z", "i"]
    assert others_of(result.model) == OTHERS
    assert {node.name for node in result.report.lowered} == {"a", "r", "g", "h", "u"}
    reasons = {node.name: node.reason for node in result.report.kept}
    assert code_of(reasons["s"]) == "operand-varies-over-plane"
    assert "'z'" in reasons["s"]
    given = {**feeds(), "x": feeds_of(SOURCE)["x"]}
    wanted = run_float32(SOURCE, given)
    assert_same(run_float32(result.model, given), wanted)
    changed = {**given, "z": given["z"] + np.float32(0.01)}
    assert_differs(run_float32(result.model, changed), wanted)


def test_a_map_of_known_size_enters_the_jpeg_domain() -> None:
    model = Graph(TEXT.replace("N,4,H,8", "N,4,8,8"), {"w": (4, 3, 3, 3)}).model("float")
    result = jpegcompile.compile(model, input="tensor", image_input="x")
    assert {node.name for node in result.report.lowered} == {"a", "r", "s", "g", "h", "u"}
    assert "z.cast" in {name for node in result.model.graph.node for name in node.output}
    given = {**feeds(), "x": feeds_of(SOURCE)["x"]}
    assert_same(run_float32(result.model, given), run_float32(SOURCE, given))


@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_coefficients(target: Any, tmp_path: Path) -> None:
    """The inputs for the image replace it at its position."""
    result = jpegcompile.compile(SOURCE, preprocess="unit", image_input="x", target=target)
    inputs = ["v", "luma", "chroma", "quantization", "z", "i"]
    assert [v.name for v in result.model.graph.input] == inputs
    assert others_of(result.model) == OTHERS
    path = tmp_path / "compiled.onnx"
    result.save(path)
    session = jpegcompile.load(path)
    files = [make_jpeg(16, 16, subsampling=2, quality=q) for q in (60, 90)]
    pixels = [decode(jpegcompile.read_coefficients(file), "RGB") for file in files]
    image = np.stack(pixels).transpose(0, 3, 1, 2) / 255
    wanted = run_float32(SOURCE, {**feeds(), "x": image})
    actual = session.inference_session.run(None, {**feeds(), **session.feeds(files)})
    assert_same([np.asarray(output) for output in actual], wanted)
    # Files with another subsampling enter after the ingest; further inputs are passed as before.
    full = [make_jpeg(16, 16, subsampling=0, quality=q) for q in (60, 90)]
    pixels = [decode(jpegcompile.read_coefficients(file), "RGB") for file in full]
    image = np.stack(pixels).transpose(0, 3, 1, 2) / 255
    assert_same(session.run(full, feeds()), run_float32(SOURCE, {**feeds(), "x": image}))


def test_a_size_for_the_image_alone() -> None:
    """Both inputs of rank 4 have a dynamic size; the option applies to the image."""
    model = opened(SOURCE, 2, 3, image="x")
    result = jpegcompile.compile(model, input="tensor", image_input="x", input_size="16x16")
    assert [shape_of(v) for v in result.model.graph.input][1] == ["N", 3, 16, 16]
    assert others_of(result.model) == OTHERS
    given = {**feeds(), "x": feeds_of(SOURCE)["x"]}
    assert_same(run_float32(result.model, given), run_float32(SOURCE, given))


def test_the_image_must_be_named() -> None:
    message = refused_model("several-image-inputs", UnsupportedModelError, SOURCE)
    assert "(x, z, i)" in message
    message = refused_model("image-input-missing", UsageError, SOURCE, image_input="image")
    assert "'image'" in message
    assert "v, x, z, i" in message
    message = refused_model("image-input-type", UnsupportedModelError, SOURCE, image_input="v")
    assert "input 'v' is float32 of rank 1" in message


def test_verify_and_compare_refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, path, images = tmp_path / "s.onnx", tmp_path / "c.onnx", tmp_path / "images"
    onnx.save(SOURCE, source)
    jpegcompile.compile(source, preprocess="unit", image_input="x").save(path)
    images.mkdir()
    few_images(images)
    with refused("original-has-other-inputs", UsageError) as caught:
        jpegcompile.verify(source, path, images)
    assert str(caught.value).startswith(f"{source}: ")
    assert "'v'" in str(caught.value)
    with refused("original-has-other-inputs", UsageError):
        jpegcompile.compare(source, path, images)
    for verb in ("verify", "compare"):
        message = fails(capsys, 2, verb, source, path, "--images", images)
        assert code_in(message) == "original-has-other-inputs"


def test_run_needs_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, file = tmp_path / "c.onnx", tmp_path / "a.jpg"
    jpegcompile.compile(SOURCE, preprocess="unit", image_input="x").save(path)
    file.write_bytes(make_jpeg(16, 16, subsampling=2))
    message = fails(capsys, 2, "run", path, file)
    assert code_in(message) == "shared-input-missing"
    assert message.startswith(f"{path}: requires input 'v'")
