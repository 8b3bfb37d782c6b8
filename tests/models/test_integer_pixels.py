"""Integer image inputs: the preprocessing is part of the graph and starts with a Cast."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.graphs import Graph
from support.images import make_jpeg
from support.refusals import refused_model
from support.tiny_residual import spatial_outputs, tiny_residual

import jpegcompile
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.load import load_source
from jpegcompile.messages import code_of

MEAN, STD = [100, 120, 140], [64, 64, 64]


def of_integers(kind: int = TensorProto.UINT8, layout: str = "NHWC") -> onnx.ModelProto:
    """Return a network that casts and normalizes an integer input, as tf2onnx writes it."""
    model = tiny_residual(layout=layout, normalize=True)
    (image,) = model.graph.input
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == image.name:
                node.input[index] = "pixels"
    cast = helper.make_node("Cast", [image.name], ["pixels"], "cast", to=TensorProto.FLOAT)
    model.graph.node.insert(0, cast)
    image.type.tensor_type.elem_type = kind
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        for quality in (50, 70, 90):
            (folder / f"{quality}.jpg").write_bytes(
                make_jpeg(32, 32, subsampling=2, quality=quality)
            )
    return tmp_path / "images"


def notes_of(notes: list[str], code: str) -> list[str]:
    """The notes with a code."""
    return [note for note in notes if code_of(note) == code]


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_pixels_are_not_rounded(kind: str, layout: str, images: Path, tmp_path: Path) -> None:
    model = of_integers(helper.np_dtype_to_tensor_dtype(np.dtype(kind)), layout)
    compiled = jpegcompile.compile(model, preprocess="none")
    assert compiled.report.kept == []
    (note,) = notes_of(compiled.report.notes, "pixels-not-rounded")
    assert f" {kind} pixels" in note
    assert "normalization-absorbed" in map(code_of, compiled.report.notes)
    compiled.save(tmp_path / "compiled.onnx")
    files = sorted(images.rglob("*.jpg"))
    actual = jpegcompile.load(tmp_path / "compiled.onnx").run(files)
    floats = tiny_residual(layout=layout)
    data = [file.read_bytes() for file in files]
    for got, wanted in zip(actual, spatial_outputs(floats, data, 1, MEAN, STD), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-4)


def test_nodes_that_move_pixels_may_come_first() -> None:
    """PyTorch exports `x.permute(0, 3, 1, 2).float()` with a dynamic size like this."""
    model = of_integers(layout="NCHW")
    cast = next(node for node in model.graph.node if node.op_type == "Cast")
    moved = helper.make_node("Transpose", ["image"], ["moved"], "move", perm=[0, 2, 3, 1])
    back = helper.make_node("Transpose", ["moved"], ["back"], "back", perm=[0, 3, 1, 2])
    sizes = helper.make_node("Shape", ["moved"], ["sizes"], "sizes")
    assert cast.input[0] == "image"
    cast.input[0] = "back"
    for place, node in enumerate((moved, back, sizes)):
        model.graph.node.insert(place, node)
    source = load_source(model)
    assert source.integer_pixels == "uint8"
    compiled = jpegcompile.compile(model, preprocess="none")
    assert notes_of(compiled.report.notes, "pixels-not-rounded")


def test_verify_and_compare(images: Path, tmp_path: Path) -> None:
    model, path = of_integers(), tmp_path / "compiled.onnx"
    jpegcompile.compile(model, preprocess="none").save(path)
    result = jpegcompile.verify(model, path, images)
    assert result.passed
    assert result.inputs == 6
    assert all((output.decoder or 0.0) > output.conversion for output in result.outputs)
    assert {"r1", "sum", "r4"} <= {node.twin for node in result.nodes}
    comparison = jpegcompile.compare(model, path, images)
    assert comparison.agreement_exact == 1.0


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(of_integers().SerializeToString())
    source = load_source(file)
    assert source.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert source.integer_pixels == "uint8"
    assert load_source(tiny_residual()).integer_pixels is None


def test_a_model_in_memory_is_not_changed() -> None:
    model = of_integers()
    before = model.SerializeToString(deterministic=True)
    load_source(model)
    assert model.SerializeToString(deterministic=True) == before


def test_tensors_are_refused() -> None:
    code = "tensor-input-is-integer"
    message = refused_model(code, UnsupportedModelError, of_integers(), input="tensor")
    assert message.startswith("model: input 'image' is uint8")
    inspected = jpegcompile.inspect(of_integers(), input="tensor")
    assert notes_of(inspected.report.notes, "pixels-not-rounded")


@pytest.mark.parametrize(
    ("body", "node", "code"),
    [
        ("c = Cast<to = 1>(x)  s = Sub(x, x)  y = Relu(c)", "node 's' (Sub)", "integer-image-read"),
        (
            "c = Cast<to = 11>(x)  y = Cast<to = 1>(c)",
            "node 'c' casts it to float64",
            "integer-image-cast",
        ),
        (
            "c = Cast<to = 6>(x)  y = Cast<to = 1>(c)",
            "node 'c' casts it to int32",
            "integer-image-cast",
        ),
        (
            """c = Cast<to = 1>(x)  y = If(b) <
                then_branch = g () => (float[N,3,16,16] t) { t = Cast<to = 1>(x) },
                else_branch = h () => (float[N,3,16,16] e) { e = Identity(c) }>""",
            "node 't' (Cast)",
            "integer-image-read",
        ),
    ],
)
def test_other_readers_are_refused(body: str, node: str, code: str) -> None:
    text = f"(uint8[N,3,16,16] x) => (float[N,3,16,16] y) {{ {body} }}"
    model = Graph(text, {"b": np.asarray(True)}).model("float")
    message = refused_model(code, UnsupportedModelError, model)
    assert "input 'x' is uint8" in message
    assert node in message


def test_an_input_that_is_an_output_is_refused() -> None:
    text = (
        "(uint8[N,3,16,16] x) => (float[N,3,16,16] y, uint8[N,3,16,16] x) { y = Cast<to = 1>(x) }"
    )
    model = Graph(text).model("float")
    message = refused_model("integer-image-is-output", UnsupportedModelError, model)
    assert "input 'x' is uint8" in message


def test_one_of_several_inputs_of_integers_stays() -> None:
    text = (
        """(T[N,3,16,16] x, uint8[N,3,16,16] z) => (T[] y) { c = Cast<to = 1>(z)  y = Add(x, c) }"""
    )
    model = Graph(text).model("float")
    compiled = jpegcompile.compile(model, input="tensor", image_input="x").model
    assert compiled.graph.input[1].type.tensor_type.elem_type == TensorProto.UINT8


def test_the_image_of_several_inputs() -> None:
    text = (
        """(uint8[N,3,16,16] x, T[N,3,16,16] z) => (T[] y) { c = Cast<to = 1>(x)  y = Add(z, c) }"""
    )
    model = Graph(text).model("float")
    compiled = jpegcompile.compile(model, preprocess="none", image_input="x")
    assert code_of(compiled.report.notes[0]) == "pixels-not-rounded"
    assert [value.name for value in compiled.model.graph.input][-1] == "z"


def test_shortcuts_to_the_integers_are_seen_twice() -> None:
    """Two Casts of one image are both removed."""
    text = """(uint8[N,3,16,16] x) => (float[N,3,16,16] y) {
        a = Cast<to = 1>(x)  b = Cast<to = 1>(x)  r = Relu(a)  y = Add(r, b) }"""
    compiled = jpegcompile.compile(Graph(text).model("float"), preprocess="none")
    assert compiled.report.kept == []
