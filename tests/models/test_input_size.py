"""Models that leave the height and width of their image open, compiled for one size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.commands import few_images
from support.graphs import Graph, assert_same, evaluate, feeds_of, run_float32
from support.images import make_jpeg
from support.open_size import opened, shape_of
from support.refusals import refusal, refused_model
from support.tiny_residual import spatial_outputs, tiny_residual

import jpegcompile
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.input_size import InputSize, input_size_of

RELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }")


def tensor(graph: Graph, size: InputSize, dtype: str = "float") -> onnx.ModelProto:
    """The graph, opened and compiled for tensors of that size."""
    model = opened(graph.model(dtype), 2, 3)
    return jpegcompile.compile(model, input="tensor", image_input="x", input_size=size).model


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("axes", [0, 1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_open_sizes(layout: str, axes: int, channels: int, tmp_path: Path) -> None:
    """Both sides, or one of them; the answers are those of the original at that size."""
    height, width = 48, 40
    sides = [(2, 3), (2,), (3,)][axes]
    if layout == "NHWC":
        sides = tuple(axis - 1 for axis in sides)
    model = opened(tiny_residual(channels, height, width, layout=layout), *sides)
    path = tmp_path / "compiled.onnx"
    preprocess = {"scale": 1 / 255, "color": "L" if channels == 1 else "RGB"}
    options: dict[str, Any] = {"preprocess": preprocess, "input_size": (height, width)}
    jpegcompile.compile(model, **options, strict=True).save(path)
    session = jpegcompile.load(path)
    taken = session.info.input
    assert (taken.height, taken.width, taken.layout) == (height, width, layout)
    assert shape_of(session.model.graph.input[0]) == ["N", 1, 6, 5, 8, 8]
    mode = "L" if channels == 1 else "RGB"
    images = [make_jpeg(width, height, mode, quality=q) for q in (60, 90)]
    zero, one = [0.0] * channels, [1.0] * channels
    expected = spatial_outputs(model, images, 1 / 255, zero, one, "L" if channels == 1 else "RGB")
    for got, wanted in zip(session.run(images), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", ["24x32", (24, 32), [24, 32]])
def test_the_compiled_file_has_that_size(size: InputSize) -> None:
    compiled = tensor(RELU, size)
    for value in (*compiled.graph.input, *compiled.graph.output):
        assert shape_of(value) == ["N", 3, 24, 32]
    feeds = feeds_of(compiled)
    assert_same(run_float32(compiled, feeds), evaluate(RELU.model(), feeds))


def test_the_same_size_as_the_model_s_is_fine() -> None:
    compiled = jpegcompile.compile(RELU.model("float"), input="tensor", input_size="16x16").model
    assert shape_of(compiled.graph.input[0]) == ["N", 3, 16, 16]


@pytest.mark.parametrize(
    "size",
    [
        *("224", "224x", "x224", "224x224x3", "0x32", "32x0", "-1x32", "32X32", " 32x32"),
        *("65536x8", "9999999999x8", "\u0663x32"),
        *((32,), (32, 32, 3), (32.0, 32), (True, 32), (0, 8), 224, {32, 24}),
    ],
)
def test_what_is_no_size(size: Any) -> None:
    assert refusal(UsageError, RELU.model("float"), input_size=size) == (
        f"--input-size is '{size}'; give HEIGHTxWIDTH in pixels, such as 224x224,"
        " each from 1 to 65535"
    )


def test_sizes() -> None:
    assert input_size_of(None) is None
    assert input_size_of("1x65535") == (1, 65535)


def test_refusals() -> None:
    model = RELU.model("float")
    for fixed, shape in ((model, "16x16"), (opened(model, 3), "16x?")):
        message = refused_model("image-size-fixed", UsageError, fixed, input_size="24x16")
        assert message.startswith("model: input 'x' ")
        assert shape in message
        assert "--input-size is 24x16" in message
    for dynamic, shape in ((opened(model, 2, 3), "(?x?)"), (opened(model, 2), "(?x16)")):
        message = refused_model("image-size-dynamic", UnsupportedModelError, dynamic)
        assert message.startswith("model: input 'x' ")
        assert shape in message
    everything = opened(model, 1, 2, 3)
    message = refusal(UnsupportedModelError, everything, input_size="16x16")
    assert "['N', 'side1', 'side2', None]" in message


# Exporters compute the sizes of a Resize, and the shape in front of a classifier, from the map.
DERIVED = """
    c = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, w)  r = Relu(c)
    whole = Shape(r)  front = Slice(whole, zero, two)  back = Slice(whole, two, four)
    twice = Mul(back, two)  sizes = Concat<axis = 0>(front, twice)
    z = Resize<mode = "nearest">(r, , , sizes)
    a = Add(z, k)  g = AveragePool<kernel_shape = [4, 4], strides = [4, 4]>(a)
    n = Shape(g)  b = Gather(n, first)  u = Unsqueeze(b, zero)  s = Concat<axis = 0>(u, minus)
    f = Reshape(g, s)  y = Gemm(f, v)
"""
DERIVED_WEIGHTS: dict[str, Any] = {
    "w": (4, 3, 3, 3),
    "k": (4, 1, 1),
    "v": (4 * 8 * 6, 5),
    "zero": np.asarray([0]),
    "two": np.asarray([2]),
    "four": np.asarray([4]),
    "first": np.asarray(0),
    "minus": np.asarray([-1]),
}


@pytest.mark.parametrize("batch", ["N", "1"])
def test_shapes_that_are_computed(batch: str) -> None:
    signature = f"(float[{batch},3,H,W] x) => (float[{batch},5] y)"
    graph = Graph(f"{signature} {{ {DERIVED} }}", DERIVED_WEIGHTS)
    model = graph.model("float")
    result = jpegcompile.compile(model, input="tensor", input_size="32x24")
    assert {node.name for node in result.report.lowered} >= {"c", "r", "a", "g", "f"}
    operators = [node.op_type for node in result.model.graph.node]
    assert "Shape" not in operators or batch == "N"
    feeds = feeds_of(result.model, 1 if batch == "1" else 2)
    assert feeds["x"].shape[2:] == (32, 24)
    assert_same(run_float32(result.model, feeds), run_float32(model, feeds))


@pytest.mark.parametrize(
    ("body", "weights", "problem"),
    [
        (
            "f = Flatten(x)  y = Gemm(f, v)",
            (3 * 16 * 16, 5),
            "Gemm 'y': Dimension mismatch in unification between 768 and 1728",
        ),
        (
            "f = Flatten(x)  y = Gemm<transB = 1>(f, v)",
            (5, 3 * 16 * 16),
            "Gemm 'y': Dimension mismatch in unification between 768 and 1728",
        ),
        (
            "f = Flatten(x)  y = MatMul(f, v)",
            (3 * 16 * 16, 5),
            "MatMul 'y': Incompatible dimensions for matrix multiplication",
        ),
        ("y = Add(x, v)", (3, 16, 16), "Add 'y': Incompatible dimensions"),
    ],
)
def test_sizes_that_the_rest_does_not_take(
    body: str, weights: tuple[int, ...], problem: str
) -> None:
    graph = Graph(f"(T[N,3,H,W] x) => (T[] y) {{ {body} }}", {"v": weights})
    jpegcompile.compile(graph.model("float"), input="tensor", input_size="16x16")
    code, model = "shapes-do-not-fit-input", graph.model("float")
    message = refused_model(code, UnsupportedModelError, model, input_size="24x24")
    assert f"24x24: {problem};" in message


def test_a_size_below_a_window() -> None:
    graph = Graph("(T[N,3,H,W] x) => (T[] y) { y = Conv(x, v) }", {"v": (3, 3, 25, 1)})
    code, model = "window-exceeds-padded-map", graph.model("float")
    message = refused_model(code, UnsupportedModelError, model, input_size="24x24")
    for part in ("Conv 'y'", "25x1", "24x24"):
        assert part in message


def test_a_reshape_that_does_not_fit() -> None:
    text = "(T[1,3,H,W] x) => (T[1,768] y) { y = Reshape(x, s) }"
    model = Graph(text, {"s": np.asarray([1, 768])}).model("float")
    jpegcompile.compile(model, input="tensor", input_size="16x16")
    code = "reshape-does-not-fit-input"
    message = refused_model(code, UnsupportedModelError, model, input_size="24x24")
    for part in ("Reshape 'y'", "768", "1728", "24x24"):
        assert part in message


def test_other_open_inputs_stay() -> None:
    text = "(T[N,3,H,W] x, T[M,K] z) => (T[] y, T[] u) { y = Relu(x)  u = Relu(z) }"
    compiled = tensor(Graph(text), "16x24")
    assert [shape_of(v) for v in compiled.graph.input] == [["N", 3, 16, 24], ["M", "K"]]


@pytest.mark.thorough
def test_verify_compare_and_search_take_the_size_of_the_compiled_model(tmp_path: Path) -> None:
    source, path = tmp_path / "open.onnx", tmp_path / "compiled.onnx"
    onnx.save(opened(onnx.load(model_path()), 2, 3), source)
    (tmp_path / "images").mkdir()
    images = few_images(tmp_path / "images")
    preprocess = preprocess_path()
    jpegcompile.compile(source, preprocess=preprocess, input_size="32x32").save(path)
    verified = jpegcompile.verify(source, path, images)
    assert verified.passed
    assert verified.inputs == 40
    compared = jpegcompile.compare(source, path, images)
    assert compared.agreement_exact == 1.0
    search = jpegcompile.choose_frequencies(
        source,
        images,
        max_drop=15,
        preprocess=preprocess,
        truncate=15,
        input_size="32x32",
        cache=tmp_path,
    )
    assert search.mean_frequencies < 15
    with pytest.raises(UnsupportedModelError) as caught:
        jpegcompile.choose_frequencies(
            source, images, max_drop=15, preprocess=preprocess, cache=tmp_path
        )
    assert caught.value.code == "image-size-dynamic"
    assert str(caught.value).startswith(f"{source}: input 'image' ")


def test_inspecting_a_compiled_model_of_another_size(tmp_path: Path) -> None:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(RELU.model("float"), input="tensor").save(path)
    assert jpegcompile.inspect(path, input_size="16x16").compiled is not None
    with pytest.raises(UsageError) as caught:
        jpegcompile.inspect(path, input_size="16x24")
    assert caught.value.code == "image-size-fixed"
    assert "--input-size is 16x24" in str(caught.value)
