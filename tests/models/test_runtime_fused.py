"""Models saved by ONNX Runtime's optimizer compile, and their outputs do not change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper, parser
from support.graphs import Graph, Weights, assert_same, feeds_of, run_float32
from support.refusals import refused_model

import jpegcompile
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.load import load_source
from jpegcompile.target.base import CPU_PROVIDERS

LEVELS = ort.GraphOptimizationLevel
RESIDUAL = """(T[N,3,16,16] x) => (T[N,5] y) {
    a = Conv<pads = [1, 1, 1, 1]>(x, w, b)  r = ACTIVATION(a)  c = Conv(r, v)  s = Add(c, r)
    t = ACTIVATION(s)  p = GlobalAveragePool(t)  f = Flatten(p)  g = Gemm<transB = 1>(f, u, tail)
    h = LeakyRelu<alpha = 0.3>(g)  y = MatMul(h, z) }"""
WEIGHTS: Weights = {
    "w": (8, 3, 3, 3),
    "b": (8,),
    "v": (8, 8, 1, 1),
    "u": (6, 8),
    "tail": (6,),
    "z": (6, 5),
    "low": np.asarray(-0.2),
    "high": np.asarray(0.7),
    "one": np.asarray(1.0),
    "half": np.asarray(0.5),
    "root": np.asarray(np.sqrt(2)),
    "alpha": np.asarray(1.7),
}


def optimized(model: onnx.ModelProto, folder: Path, level: ort.GraphOptimizationLevel) -> Path:
    """Save a model with ONNX Runtime at an optimization level."""
    path = folder / "optimized.onnx"
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(path)
    ort.InferenceSession(model.SerializeToString(), options, providers=list(CPU_PROVIDERS))
    return path


def check_file(path: Path, original: onnx.ModelProto, fused: set[str]) -> None:
    """The saved file contains these operators, and its compiled outputs match the original."""
    saved = onnx.load(path)
    assert {n.op_type for n in saved.graph.node if n.domain == "com.microsoft"} == fused
    feeds = feeds_of(original)
    compiled = jpegcompile.compile(path, input="tensor").model
    assert_same(run_float32(compiled, feeds), run_float32(original, feeds))


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize(
    "activation",
    ["Relu", "Sigmoid", "Tanh", "LeakyRelu<alpha = 0.2>", "HardSigmoid", "Clip"],
)
def test_convolutions_and_products(activation: str, opset: int, tmp_path: Path) -> None:
    text = RESIDUAL.replace("ACTIVATION", activation)
    if activation == "Clip":
        text = RESIDUAL.replace("ACTIVATION(a)", "Clip(a, low, high)")
        text = text.replace("ACTIVATION(s)", "Clip(s, low, high)")
    model = Graph(text, WEIGHTS, opset).model("float")
    path = optimized(model, tmp_path, LEVELS.ORT_ENABLE_EXTENDED)
    check_file(path, model, {"FusedConv", "FusedGemm"})


def test_a_clip_with_attributes(tmp_path: Path) -> None:
    text = RESIDUAL.replace("ACTIVATION", "Clip<min = -0.2, max = 0.7>")
    model = Graph(text, WEIGHTS, 9).model("float")
    path = optimized(model, tmp_path, LEVELS.ORT_ENABLE_EXTENDED)
    check_file(path, model, {"FusedConv", "FusedGemm"})


GELU = "d = Div(a, root)  e = Erf(d)  o = Add(e, one)  m = Mul(a, o)  y = Mul(m, half)"
QUICK = "k = Mul(a, alpha)  e = Sigmoid(k)  y = Mul(a, e)"
# Operators of com.microsoft as in models written by hand or for other processors, and the same in
# standard operators.
WRITTEN: Mapping[str, tuple[str, str]] = {
    "Gelu": ("y = com.microsoft.Gelu(a)", GELU),
    "BiasGelu": ("y = com.microsoft.BiasGelu(n, c)", f"a2 = Add(n, c) {GELU}"),
    "FastGelu": (
        "y = com.microsoft.FastGelu(a)",
        """s = Mul(a, a)  q = Mul(s, cubic)  o = Add(q, scale)  i = Mul(a, o)  h = Tanh(i)
        l = Add(h, one)  m = Mul(a, l)  y = Mul(m, half)""",
    ),
    "QuickGelu": ("y = com.microsoft.QuickGelu<alpha = 1.7>(a)", QUICK),
    "SiLU": ("y = com.microsoft.QuickGelu<alpha = 1.0>(a)", "e = Sigmoid(a)  y = Mul(a, e)"),
}
NUMBERS: Weights = {
    **WEIGHTS,
    "c": (1,),
    "cubic": np.asarray(0.044715 * np.sqrt(2 / np.pi)),
    "scale": np.asarray(np.sqrt(2 / np.pi)),
}


@pytest.mark.parametrize("opset", [13, 20])
@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "BiasGelu"])
def test_functions(name: str, opset: int) -> None:
    fused, spelled = WRITTEN[name]
    text = "(T[N,3,16,16] x) => (T[N,8,16,16] y) {{ a = Conv<pads = [1, 1, 1, 1]>(x, w, b)  {} }}"
    wanted = Graph(text.format(spelled), NUMBERS, opset).model("float")
    model = Graph(text.format(spelled), NUMBERS, opset).model("float")
    header = f'<ir_version: 8, opset_import: ["": {opset}, "com.microsoft": 1]> graph '
    body = parser.parse_model(header + text.format(fused).replace("T[", "float["))
    body.graph.initializer.extend(model.graph.initializer)
    feeds = feeds_of(wanted)
    compiled = jpegcompile.compile(body, input="tensor", strict=True).model
    assert_same(run_float32(compiled, feeds), run_float32(body, feeds))
    assert_same(run_float32(compiled, feeds), run_float32(wanted, feeds))


TOKENS = """(T[N,8,4,4] x) => (T[N,16,8] y) {{
    a = Conv(x, v)  s = Reshape(a, shape)  t = Transpose<perm = [0, 2, 1]>(s)  {} }}"""


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize(
    "body",
    [
        "y = com.microsoft.BiasGelu(t, bias)",
        "y = com.microsoft.FusedMatMul<alpha = 0.3, transB = 1>(t, square)",
        "p = com.microsoft.FusedMatMul<transA = 1, alpha = 0.5>(t, t)  y = MatMul(t, p)",
        "y = LayerNormalization<axis = -1, epsilon = 0.01>(t, bias, bias)",
        "y = LayerNormalization<axis = -1>(t, bias)",
        "y = SimplifiedLayerNormalization<axis = -1, epsilon = 0.01>(t, bias)",
    ],
)
def test_sequences(body: str, opset: int) -> None:
    header = f'<ir_version: 8, opset_import: ["": {opset}, "com.microsoft": 1]> graph '
    model = parser.parse_model(header + TOKENS.format(body).replace("T[", "float["))
    weights: Weights = {"v": (8, 8, 1, 1), "shape": np.asarray([0, 8, 16]), "bias": (8,)}
    named = Graph("(T[N,8,4,4] x) => (T[] y) { y = Relu(x) }", {**weights, "square": (8, 8)}).model(
        "float"
    )
    model.graph.initializer.extend(named.graph.initializer)
    feeds = feeds_of(model)
    compiled = jpegcompile.compile(model, input="tensor").model
    assert not {node.domain for node in compiled.graph.node} - {"", "jpegcompile"}
    assert_same(run_float32(compiled, feeds), run_float32(model, feeds))


@pytest.mark.parametrize("operator", ["LayerNormalization", "SimplifiedLayerNormalization"])
def test_layer_normalization_of_equal_values_in_float16(operator: str) -> None:
    """Constant rows have variance 0, and the epsilon is too small for float16."""
    model = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 16]> graph
        (float16[N,3,16,16] x) => (float16[N,3,16,16] y) {{
        c = Mul(x, zero)  y = {operator}<axis = -1, epsilon = 1e-12>(c, scale) }}"""
    )
    for name, values in (("zero", np.zeros(1)), ("scale", np.ones(16))):
        tensor = numpy_helper.from_array(values.astype(np.float16), name)
        model.graph.initializer.append(tensor)
    image = {"x": feeds_of(model)["x"].astype(np.float16)}
    (made,) = run_float32(jpegcompile.compile(model, input="tensor").model, image)
    np.testing.assert_array_equal(made, np.zeros_like(image["x"]))


@pytest.mark.parametrize("opset", [18, 20])
def test_group_normalization_before_opset_21(opset: int) -> None:
    """onnx deprecates the operator, but ONNX Runtime runs it: one scale and shift a group."""
    text = """(T[N,3,16,16] x) => (T[N,8,16,16] y) {
        a = Conv<pads = [1, 1, 1, 1]>(x, w, b)
        y = GroupNormalization<num_groups = 4, epsilon = 0.01>(a, scale, shift) }"""
    weights: Weights = {"w": (8, 3, 3, 3), "b": (8,), "scale": (4,), "shift": (4,)}
    model = Graph(text, weights, opset).model("float")
    feeds = feeds_of(model)
    compiled = jpegcompile.compile(model, input="tensor")
    assert not [node for node in compiled.report.nodes if node.status == "kept"]
    assert_same(run_float32(compiled.model, feeds), run_float32(model, feeds))


MIXED = """(float[N,3,16,16] x) => (float[N,4,16,16] y) {{
    h = Cast<to = 10>(x)  c = Conv<pads = [1, 1, 1, 1]>(h, w)  {} }}"""


@pytest.mark.parametrize("operator", ["Gelu", "FastGelu", "QuickGelu"])
@pytest.mark.parametrize(
    "body",
    [
        "d = Cast<to = 1>(c)  e = com.microsoft.{0}(d)  k = Neg(e)  y = com.microsoft.{0}(k)",
        "d = com.microsoft.{0}(c)  k = Neg(d)  e = com.microsoft.{0}(k)  y = Cast<to = 1>(e)",
    ],
)
def test_constants_have_the_precision_of_the_node(body: str, operator: str) -> None:
    """A network with float16 and float32 tensors has no declared inner types."""
    header = '<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]> graph '
    model = parser.parse_model(header + MIXED.format(body.format(operator)))
    weight = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float16)
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    image = {"x": feeds_of(model)["x"].astype(np.float32)}
    (made,) = run_float32(jpegcompile.compile(model, input="tensor").model, image)
    (wanted,) = run_float32(model, image)
    np.testing.assert_allclose(made, wanted, atol=0.005 * float(np.abs(wanted).max()))


def fused_conv(**attributes: object) -> onnx.ModelProto:
    text = "(T[N,3,16,16] x) => (T[N,8,16,16] y) { y = Conv<pads = [1, 1, 1, 1]>(x, w, b) }"
    model = Graph(text, {"w": (8, 3, 3, 3), "b": (8,)}).model("float")
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    (node,) = model.graph.node
    node.op_type, node.domain = "FusedConv", "com.microsoft"
    node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
    return model


def test_the_parts_keep_the_name_of_the_whole() -> None:
    model = fused_conv(activation="LeakyRelu", activation_params=[0.25])
    convolution, activation = load_source(model).model.graph.node
    assert (convolution.op_type, convolution.name) == ("Conv", "y.Conv")
    assert (activation.op_type, activation.name) == ("LeakyRelu", "y")
    feeds = feeds_of(model)
    compiled = jpegcompile.compile(model, input="tensor").model
    other = fused_conv(activation="LeakyRelu", activation_params=[0.26])
    assert_same(run_float32(compiled, feeds), run_float32(model, feeds))
    with pytest.raises(AssertionError):
        assert_same(run_float32(compiled, feeds), run_float32(other, feeds))


def test_group_normalization_of_no_groups_is_refused() -> None:
    text = "(T[N,8,16,16] x) => (T[N,8,16,16] y) { y = GroupNormalization(x, s, s) }"
    model = Graph(text, {"s": (4,)}, 18).model("float")
    message = refused_model("model-invalid", UnsupportedModelError, model)
    assert "GroupNormalization" in message


@pytest.mark.parametrize(
    "attributes",
    [
        {"activation": "Mystery"},
        {"activation": "Clip", "activation_params": [0.0]},
        {"activation": 3},
        {"activation": "LeakyRelu", "activation_params": 0.3},
    ],
)
def test_what_has_no_parts_is_refused(attributes: dict[str, object]) -> None:
    model = fused_conv(**attributes)
    message = refused_model("operator-of-onnxruntime", UnsupportedModelError, model)
    assert "node 'y' is com.microsoft::FusedConv" in message


def test_layouts_of_one_processor_are_refused(tmp_path: Path) -> None:
    model = Graph(RESIDUAL.replace("ACTIVATION", "Relu"), WEIGHTS).model("float")
    path = optimized(model, tmp_path, LEVELS.ORT_ENABLE_ALL)
    saved = onnx.load(path)
    node = next(n for n in saved.graph.node if n.domain == "com.microsoft.nchwc")
    message = refused_model("operator-for-one-processor", UnsupportedModelError, path)
    assert message.startswith(f"{path}: ")
    assert f"node '{node.name}' is com.microsoft.nchwc::{node.op_type}" in message
