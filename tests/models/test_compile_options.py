"""Finding the image input, and checking options against a model."""

from __future__ import annotations

from typing import Any

import pytest
from support.graphs import Graph
from support.refusals import refusal, refused_model

import jpegcompile
from jpegcompile.errors import UnsupportedModelError, UsageError

RELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }")


def image(shape: str, kind: str = "float", **options: Any) -> str:
    """The code of the refusal of a model whose image input has this type and shape."""
    text = f"({kind}[{shape}] x) => ({kind}[{shape}] y) {{ y = Relu(x) }}"
    with pytest.raises(UnsupportedModelError) as caught:
        jpegcompile.compile(Graph(text).model("float"), input="tensor", **options)
    assert str(caught.value).startswith("model: ")
    return caught.value.code


def test_image_inputs() -> None:
    assert image("N,3,16,16", "bfloat16") == "image-input-type"
    assert image("N,3,H,16") == "image-size-dynamic"
    assert image("N,C,16,16") == "image-channels-dynamic"
    assert image("16,16") == "no-image-input"
    assert image("16,16", image_input="x") == "image-input-type"


def test_several_inputs() -> None:
    text = """(T[N,3,16,16] x, T[N,3,16,16] z, T[N,5] v) => (T[] y, T[] u) {
        y = Add(x, z)  u = Relu(v) }"""
    model = Graph(text).model("float")
    several = refused_model("several-image-inputs", UnsupportedModelError, model)
    assert "(x, z)" in several
    message = refused_model("image-input-missing", UsageError, model, image_input="photo")
    assert "'photo'" in message
    assert "x, z, v" in message
    compiled = jpegcompile.compile(model, input="tensor", image_input="z").model
    assert [value.name for value in compiled.graph.input] == ["x", "z", "v"]


def refuse(code: str, **options: Any) -> str:
    return refused_model(code, UsageError, RELU.model("float"), **options)


FILES: dict[str, Any] = {"input": "coefficients", "preprocess": "unit"}


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        ({"subsampling": "4:2:0"}, "subsampling-without-files", "--subsampling"),
        ({"input": "coefficients"}, "preprocess-missing", "--input coefficients"),
        ({"input": "jpeg"}, "preprocess-missing", "--input jpeg"),
        ({"input": "jpeg", "target": "onnx"}, "jpeg-input-needs-kernels", "--target onnx"),
        ({**FILES, "subsampling": "4:2:1"}, "subsampling-unknown", "'4:2:1'"),
        ({"input": "pixels"}, "input-unknown", "'pixels'"),
        ({"domain": "dct"}, "domain-unknown", "'dct'"),
        ({"batch": 0}, "batch-out-of-range", "from 1 to 2147483647"),
        ({"target": "onnx", "lean": True}, "kernel-options-without-kernels", "--target onnx"),
        ({"target": "onnx", "batch": 2}, "kernel-options-without-kernels", "--target onnx"),
        ({"domain": "auto", "frequencies": 6}, "frequencies-in-spatial-domain", "--domain"),
        ({"domain": "auto", "truncate": 14}, "frequencies-in-spatial-domain", "--domain"),
        (
            {"domain": "auto", "frequencies": {"nodes": {"y": 3}}},
            "frequencies-in-spatial-domain",
            "--domain",
        ),
    ],
)
def test_options(options: dict[str, Any], code: str, named: str) -> None:
    assert named in refuse(code, **options)


def test_options_of_other_modules() -> None:
    model = RELU.model("float")
    assert "'wasm'; use ort or onnx or triton" in refusal(UsageError, model, target="wasm")
    color = refusal(UsageError, model, **{**FILES, "preprocess": {"color": "L"}})
    assert "1 channels (L)" in color
    assert "--preprocess" in color
    mean = refusal(UsageError, model, **{**FILES, "preprocess": {"mean": [0.5, 0.5]}})
    assert "2 values" in mean
    assert '"mean"' in mean


def test_options_that_depend_on_the_channels() -> None:
    four = RELU.with_text("N,3", "N,4").model("float")
    assert "4 channels" in refused_model("channels-not-of-jpeg", UsageError, four, **FILES)
    gray = RELU.with_text("N,3", "N,1").model("float")
    code = "subsampling-of-one-channel"
    message = refused_model(code, UsageError, gray, **FILES, subsampling="4:2:0")
    assert "--subsampling 4:2:0" in message
    compiled = jpegcompile.compile(gray, **FILES, subsampling="gray").model
    assert [value.name for value in compiled.graph.input] == ["luma", "quantization"]


def test_strict() -> None:
    model = Graph("(T[N,3,16,16] x) => (T[] y) { r = Sinh(x)  y = Cosh(r) }").model("float")
    message = refused_model("strict-node-kept", UnsupportedModelError, model, strict=True)
    assert message.startswith("model: Sinh 'r' would stay spatial: ")
    assert "(and 1 more)" in message
    jpegcompile.compile(RELU.model("float"), input="tensor", strict=True)
