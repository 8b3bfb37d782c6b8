"""Which input is the image, and which options fit a model."""

from __future__ import annotations

from typing import Any

from support.graphs import Graph
from support.refusals import refusal, refused_model

import jpegcompile
from jpegcompile.errors import UnsupportedModelError, UsageError

RELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }")


def image(shape: str, kind: str = "float", **options: Any) -> str:
    """The refusal of a model whose image input is of that type."""
    text = f"({kind}[{shape}] x) => ({kind}[{shape}] y) {{ y = Relu(x) }}"
    return refusal(UnsupportedModelError, Graph(text).model("float"), **options)


def test_image_inputs() -> None:
    assert image("N,3,16,16", "bfloat16") == (
        "model: input 'x' is bfloat16 of rank 4; an image input is float32 or float16 of rank 4:"
        " move casts and reshapes of the input out of the model"
    )
    assert image("N,3,H,16") == (
        "model: input 'x' leaves its height or width open (?x16);"
        " give them with --input-size HEIGHTxWIDTH"
    )
    assert image("N,C,16,16") == (
        "model: input 'x' has shape ['N', 'C', 16, 16]: the number of channels must be fixed;"
        " export the model with it"
    )
    assert image("16,16") == (
        "model: no input has the dimensions of images ('x' [16,16]); export the model with"
        " [N,C,H,W] or [N,H,W,C], or without N for one image"
    )
    assert image("16,16", image_input="x") == (
        "model: input 'x' is float32 of rank 2; an image input is float32 or float16 of rank 4:"
        " move casts and reshapes of the input out of the model"
    )


def test_several_inputs() -> None:
    text = """(T[N,3,16,16] x, T[N,3,16,16] z, T[N,5] v) => (T[] y, T[] u) {
        y = Add(x, z)  u = Relu(v) }"""
    model = Graph(text).model("float")
    assert refusal(UnsupportedModelError, model) == (
        "model: several inputs could be the image (x, z); name one with --image-input"
    )
    message = refusal(UsageError, model, image_input="photo")
    assert message == "model: has no input 'photo'; its inputs are x, z, v"
    compiled = jpegcompile.compile(model, input="tensor", image_input="z").model
    assert [value.name for value in compiled.graph.input] == ["x", "z", "v"]


def test_options() -> None:
    model = RELU.model("float")
    coefficients: dict[str, Any] = {"input": "coefficients", "preprocess": "unit"}
    assert refusal(UsageError, model, subsampling="4:2:0") == (
        "--subsampling is for --input coefficients and --input jpeg; leave it out"
    )
    assert refusal(UsageError, model, input="coefficients") == (
        "--input coefficients needs --preprocess, the normalisation that the model was trained"
        " with: imagenet, cifar10, unit, none or a JSON file"
    )
    assert refusal(UsageError, model, input="jpeg") == (
        "--input jpeg needs --preprocess, the normalisation that the model was trained with:"
        " imagenet, cifar10, unit, none or a JSON file"
    )
    assert refusal(UsageError, model, input="jpeg", target="onnx") == (
        "--target onnx has standard operators only, and none of them reads a JPEG file; use"
        " --target ort, or --input coefficients"
    )
    assert refusal(UsageError, model, **coefficients, subsampling="4:2:1") == (
        "subsampling is '4:2:1'; use one of 4:4:4, 4:2:2, 4:4:0, 4:2:0, 4:1:1, gray"
    )
    assert refusal(UsageError, model, input="pixels") == (
        "input is 'pixels'; use coefficients, jpeg or tensor"
    )
    assert "'wasm'" in refused_model("target-unknown", UsageError, model, target="wasm")
    assert refusal(UsageError, model, domain="dct") == "domain is 'dct'; use jpeg or auto"
    assert refusal(UsageError, model, batch=0) == (
        "batch is 0; give the number of images at a time, from 1 to 2147483647"
    )
    options: list[dict[str, Any]] = [{"lean": True}, {"batch": 2}]
    for option in options:
        assert refusal(UsageError, model, target="onnx", **option) == (
            "--lean and --batch choose among native kernels, and --target onnx has none;"
            " leave them out"
        )
    for plan in ({"frequencies": 6}, {"truncate": 14}, {"frequencies": {"nodes": {"y": 3}}}):
        assert refusal(UsageError, model, domain="auto", **plan) == (
            "--frequencies and --truncate are for maps of coefficients, and with --domain auto maps"
            " are pixels; leave them out, or use --domain jpeg"
        )
    assert refusal(UsageError, model, **{**coefficients, "preprocess": {"color": "L"}}) == (
        'preprocessing gives 1 channels (L) but the model takes 3; set "color" in --preprocess'
    )
    assert refusal(UsageError, model, **{**coefficients, "preprocess": {"mean": [0.5, 0.5]}}) == (
        'preprocessing has 2 values in "mean" but the model takes 3 channels; give one for each'
    )


def test_options_that_depend_on_the_channels() -> None:
    coefficients: dict[str, Any] = {"input": "coefficients", "preprocess": "unit"}
    four = RELU.with_text("N,3", "N,4").model("float")
    assert refusal(UsageError, four, **coefficients) == (
        "input 'x' has 4 channels, a JPEG file gives 1 or 3; use --input tensor"
    )
    gray = RELU.with_text("N,3", "N,1").model("float")
    assert refusal(UsageError, gray, **coefficients, subsampling="4:2:0") == (
        "the model takes one channel, luma, which is the same at 4:2:0; leave --subsampling out"
    )
    compiled = jpegcompile.compile(gray, **coefficients, subsampling="gray").model
    assert [value.name for value in compiled.graph.input] == ["luma", "quantization"]


def test_strict() -> None:
    model = Graph("(T[N,3,16,16] x) => (T[] y) { r = Sinh(x)  y = Cosh(r) }").model("float")
    message = refusal(UnsupportedModelError, model, strict=True)
    assert message.startswith("model: Sinh 'r' would stay spatial: ")
    assert "(and 1 more)" in message
    jpegcompile.compile(RELU.model("float"), input="tensor", strict=True)
