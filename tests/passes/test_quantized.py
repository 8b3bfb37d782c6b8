"""Quantized weights are folded, and quantized feature maps are rejected.

By `fold-quantized-weights` and `refuse-quantized`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from support.graphs import Graph, assert_same, feeds_of, module_before, run_float32
from support.refusals import refused_model

import jpegcompile
from jpegcompile.errors import UnsupportedModelError

Array = NDArray[Any]

SHAPE = (8, 4, 3, 3)
RNG = np.random.default_rng(11)
LEVELS = RNG.integers(-128, 128, SHAPE)
SCALES = RNG.uniform(0.001, 0.01, SHAPE).astype(np.float32)
BIAS = RNG.integers(-(2**20), 2**20, 8)
ZERO = RNG.integers(0, 7, SHAPE)


def tensor(name: str, kind: int, values: Any) -> onnx.TensorProto:
    values = np.asarray(values)
    return helper.make_tensor(name, kind, values.shape, values.reshape(-1).tolist())


def model(
    body: str, opset: int, *weights: onnx.TensorProto, result: str = "N,8,16,16"
) -> onnx.ModelProto:
    text = f"(float[N,4,16,16] x) => (float[{result}] y) {{ {body} }}"
    made = Graph(text, opset=opset).model("float")
    made.graph.initializer.extend(weights)
    return made


def per_channel(values: Array, axis: int) -> Array:
    return np.moveaxis(values, axis, 0)[:, 0, 0, 0]


def along(values: Array, axis: int) -> Array:
    return np.expand_dims(values, [a for a in range(4) if a != axis])


def folded(source: onnx.ModelProto, name: str = "w") -> Array:
    """The weight of the only convolution; outputs of source and compiled model agree."""
    result = jpegcompile.compile(source, input="tensor", strict=True).model
    operators = {node.op_type for node in result.graph.node}
    assert not operators & {"DequantizeLinear", "QuantizeLinear", "Cast", "Transpose"}
    feeds = feeds_of(source)
    assert_same(run_float32(result, feeds), run_float32(source, feeds))
    return next(numpy_helper.to_array(t) for t in result.graph.initializer if t.name == name)


CONVOLVED = "y = Conv<pads = [1, 1, 1, 1]>(x, w)"


@pytest.mark.parametrize("opset", [10, 13, 19, 21, 23])
@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [(TensorProto.INT8, -128, 127), (TensorProto.UINT8, 0, 255), (TensorProto.INT32, -500, 500)],
)
@pytest.mark.parametrize("with_zero", [False, True])
def test_one_scale(kind: int, low: int, high: int, with_zero: bool, opset: int) -> None:
    levels = np.clip(LEVELS, low, high)
    weights = [tensor("q", kind, levels), tensor("s", TensorProto.FLOAT, np.float32(0.004))]
    zero, operand = 0, ""
    if with_zero:
        # The zero point of int32 is 0 in the standard.
        zero, operand = 0 if kind == TensorProto.INT32 else 3, ", z"
        weights.append(tensor("z", kind, zero))
    source = model(f"w = DequantizeLinear(q, s{operand})  {CONVOLVED}", opset, *weights)
    wanted = (levels - zero).astype(np.float32) * np.float32(0.004)
    np.testing.assert_array_equal(folded(source), wanted)


@pytest.mark.parametrize("opset", [13, 19, 21])
@pytest.mark.parametrize("axis", [0, 1, -4])
def test_a_scale_for_each_channel(axis: int, opset: int) -> None:
    scale, zero = per_channel(SCALES, axis), per_channel(ZERO, axis)
    weights = [
        tensor("q", TensorProto.INT8, LEVELS),
        tensor("s", TensorProto.FLOAT, scale),
        tensor("z", TensorProto.INT8, zero),
    ]
    source = model(f"w = DequantizeLinear<axis = {axis}>(q, s, z)  {CONVOLVED}", opset, *weights)
    wanted = (LEVELS - along(zero, axis % 4)).astype(np.float32) * along(scale, axis % 4)
    np.testing.assert_array_equal(folded(source), wanted)


def test_a_scale_for_each_block() -> None:
    scale = SCALES[:, :2]
    source = model(
        f"w = DequantizeLinear<axis = 1, block_size = 2>(q, s)  {CONVOLVED}",
        21,
        tensor("q", TensorProto.INT8, LEVELS),
        tensor("s", TensorProto.FLOAT, scale),
    )
    wanted = LEVELS.astype(np.float32) * np.repeat(scale, 2, axis=1)
    np.testing.assert_array_equal(folded(source), wanted)


def test_bias_of_int32() -> None:
    scale = per_channel(SCALES, 0) / 64
    source = model(
        "b = DequantizeLinear<axis = 0>(p, t)  w = DequantizeLinear(q, s)"
        "  y = Conv<pads = [1, 1, 1, 1]>(x, w, b)",
        13,
        tensor("p", TensorProto.INT32, BIAS),
        tensor("t", TensorProto.FLOAT, scale),
        tensor("q", TensorProto.INT8, LEVELS),
        tensor("s", TensorProto.FLOAT, np.float32(0.004)),
    )
    np.testing.assert_array_equal(folded(source, "b"), BIAS.astype(np.float32) * scale)


def test_weights_that_are_rounded_and_restored() -> None:
    """Nodes of quantization tools between float weights and a transpose."""
    floats = RNG.normal(0, 0.2, (3, 3, 4, 8)).astype(np.float32)
    source = model(
        "d = QuantizeLinear(f, s, z)  e = DequantizeLinear(d, s, z)"
        "  w = Transpose<perm = [3, 2, 0, 1]>(e)  " + CONVOLVED,
        13,
        tensor("f", TensorProto.FLOAT, floats),
        tensor("s", TensorProto.FLOAT, np.float32(0.004)),
        tensor("z", TensorProto.INT8, 5),
    )
    levels = np.clip(np.rint(floats / np.float32(0.004)) + 5, -128, 127)
    wanted = (levels - 5).astype(np.float32) * np.float32(0.004)
    np.testing.assert_array_equal(folded(source), wanted.transpose(3, 2, 0, 1))


def test_weights_of_few_bits() -> None:
    """A Clip between the two nodes limits the number of levels."""
    floats = RNG.normal(0, 0.2, SHAPE).astype(np.float32)
    source = model(
        "d = QuantizeLinear(f, s, z)  c = Clip(d, low, high)  w = DequantizeLinear(c, s, z)  "
        + CONVOLVED,
        13,
        tensor("f", TensorProto.FLOAT, floats),
        tensor("s", TensorProto.FLOAT, np.float32(0.05)),
        tensor("z", TensorProto.INT8, 0),
        tensor("low", TensorProto.INT8, -7),
        tensor("high", TensorProto.INT8, 7),
    )
    wanted = np.clip(np.rint(floats / np.float32(0.05)), -7, 7).astype(np.float32)
    assert np.abs(wanted).max() == 7
    np.testing.assert_array_equal(folded(source), wanted * np.float32(0.05))


def test_weights_that_are_an_output_stay() -> None:
    source = model(f"o = DequantizeLinear(q, s)  {CONVOLVED}", 13, LEVEL, SCALE)
    source.graph.initializer.append(numpy_helper.from_array(SCALES, "w"))
    source.graph.output.append(helper.make_tensor_value_info("o", TensorProto.FLOAT, SHAPE))
    result = jpegcompile.compile(source, input="tensor").model
    assert "DequantizeLinear" in [node.op_type for node in result.graph.node]
    feeds = feeds_of(source)
    assert_same(run_float32(result, feeds), run_float32(source, feeds))


@pytest.mark.parametrize(
    ("kind", "opset"),
    [
        (TensorProto.FLOAT8E4M3FN, 19),
        (TensorProto.FLOAT8E5M2, 19),
        (TensorProto.INT4, 21),
        (TensorProto.UINT4, 21),
        (TensorProto.INT16, 21),
        (TensorProto.UINT16, 21),
    ],
)
def test_other_element_types(kind: int, opset: int, capfd: pytest.CaptureFixture[str]) -> None:
    """Also for types that NumPy lacks, for which graphsurgeon prints a warning."""
    levels = np.abs(LEVELS) % 8
    weights = [tensor("q", kind, levels), tensor("s", TensorProto.FLOAT, np.float32(0.125))]
    source = model(f"w = DequantizeLinear(q, s)  {CONVOLVED}", opset, *weights)
    np.testing.assert_array_equal(folded(source), levels.astype(np.float32) / 8)
    assert capfd.readouterr() == ("", "")


def test_scales_of_float16() -> None:
    source = model(
        f"h = DequantizeLinear(q, s)  w = Cast<to = 1>(h)  {CONVOLVED}",
        19,
        tensor("q", TensorProto.INT8, LEVELS),
        tensor("s", TensorProto.FLOAT16, np.float16(0.125)),
    )
    np.testing.assert_array_equal(folded(source), LEVELS.astype(np.float32) / 8)


def test_scales_of_bfloat16_are_refused_as_onnx_runtime_does() -> None:
    source = model(
        f"h = DequantizeLinear(q, s)  w = Cast<to = 1>(h)  {CONVOLVED}",
        19,
        tensor("q", TensorProto.INT8, LEVELS),
        tensor("s", TensorProto.BFLOAT16, 0.125),
    )
    message = refused_model("weights-not-dequantized", UnsupportedModelError, source)
    assert "DequantizeLinear 'h'" in message


def test_a_second_run_changes_nothing() -> None:
    graph = Graph(
        f"(T[N,4,16,16] x) => (float[N,8,16,16] y) {{ w = DequantizeLinear(q, s)  {CONVOLVED} }}",
        {"q": LEVELS.astype(np.int8), "s": np.asarray(0.5, np.float32)},
        opset=13,
    )
    module = module_before(graph, "remove-identity", dtype="float")
    assert [node.op for node in module.graph.nodes] == ["Conv"]


SCALE = tensor("s", TensorProto.FLOAT, np.float32(0.02))
BYTE = tensor("z", TensorProto.UINT8, 128)
LEVEL = tensor("q", TensorProto.INT8, LEVELS)
SIGNED = tensor("i", TensorProto.INT8, 0)


@pytest.mark.parametrize(
    ("body", "node"),
    [
        ("d = QuantizeLinear(x, s, z)  e = DequantizeLinear(d, s, z)  y = Conv(e, w)", "d"),
        ("r = Relu(x)  d = QuantizeLinear(r, s, z)  y = DequantizeLinear(d, s, z)", "d"),
        ("d, t, u = DynamicQuantizeLinear(x)  y = DequantizeLinear(d, t, u)", "d"),
        (
            "d, t, u = DynamicQuantizeLinear(x)  c = ConvInteger(d, q, u, i)"
            "  f = Cast<to = 1>(c)  y = Mul(f, t)",
            "d",
        ),
    ],
)
def test_rounded_maps(body: str, node: str) -> None:
    weight = numpy_helper.from_array(SCALES, "w")
    source = model(body, 13, SCALE, BYTE, LEVEL, SIGNED, weight, result="N,A,B,C")
    op = {"d": "DynamicQuantizeLinear" if "Dynamic" in body else "QuantizeLinear"}[node]
    message = refused_model("quantized-feature-map", UnsupportedModelError, source)
    assert f"{op} '{node}'" in message


@pytest.mark.parametrize(
    ("op", "operands", "kind"),
    [
        ("DequantizeLinear", "v, s, z", "float"),
        ("QLinearConv", "v, s, z, q, s, i, s, z", "uint8"),
        ("ConvInteger", "v, q, z, i", "int32"),
    ],
)
def test_maps_that_come_as_integers(op: str, operands: str, kind: str) -> None:
    """As a second input, so that no QuantizeLinear precedes them."""
    text = f"""(float[N,4,16,16] x, uint8[N,4,16,16] v) => (float[N,4,16,16] y, {kind}[N,A,B,C] u)
        {{ y = Relu(x)  u = {op}({operands}) }}"""
    source = Graph(text, opset=13).model("float")
    source.graph.initializer.extend([SCALE, BYTE, LEVEL, SIGNED])
    kind_of_error, code = UnsupportedModelError, "quantized-feature-map"
    assert f"{op} 'u'" in refused_model(code, kind_of_error, source, image_input="x")


@pytest.mark.parametrize(
    "op", ["QLinearAdd", "QGemm", "QLinearGlobalAveragePool", "DynamicQuantizeMatMul", "QAttention"]
)
def test_operators_of_onnx_runtime(op: str) -> None:
    source = model("y = Relu(x)", 13, result="N,A,B,C")
    source.graph.node[0].op_type, source.graph.node[0].domain = op, "com.microsoft"
    source.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    message = refused_model("operator-quantized", UnsupportedModelError, source)
    assert "'y'" in message
    assert f"com.microsoft::{op}" in message


HEAD = "r = Relu(x)  g = GlobalAveragePool(r)  "
MATRIX = RNG.integers(-8, 8, (4, 5))


@pytest.mark.parametrize(
    "tail",
    [
        "d = QuantizeLinear(g, s, z)  e = DequantizeLinear(d, s, z)  f = Flatten(e)"
        "  y = MatMul(f, k)",
        "f = Flatten(g)  d = QuantizeLinear(f, s, z)  p = QLinearMatMul(d, s, z, m, s, i, s, z)"
        "  y = DequantizeLinear(p, s, z)",
        "f = Flatten(g)  d, t, u = DynamicQuantizeLinear(f)  p = MatMulInteger(d, m, u, i)"
        "  c = Cast<to = 1>(p)  y = Mul(c, t)",
    ],
)
def test_vectors_behind_the_last_map_may_be_rounded(tail: str) -> None:
    weights = [
        SCALE, BYTE, SIGNED,
        tensor("m", TensorProto.INT8, MATRIX),
        tensor("k", TensorProto.FLOAT, MATRIX / np.float32(8)),
    ]  # fmt: skip
    source = model(HEAD + tail, 13, *weights, result="N,5")
    result = jpegcompile.compile(source, input="tensor")
    assert {"x.cast", "r.jpeg"} <= {name for n in result.model.graph.node for name in n.output}
    # Means of many pixels are close to zero; larger inputs use more levels.
    feeds = {name: 4 * value + 1 for name, value in feeds_of(source).items()}
    (wanted,) = run_float32(source, feeds)
    assert np.abs(wanted).max() > 0.02
    # A value between two levels may be rounded to either level.
    (actual,) = run_float32(result.model, feeds)
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-5)


def test_a_pixel_that_is_channels_last_is_a_vector_too() -> None:
    text = """(float[N,16,16,3] x) => (float[N,1,1,3] y) {
        t = Transpose<perm = [0, 3, 1, 2]>(x)  r = Relu(t)
        h = Transpose<perm = [0, 2, 3, 1]>(r)  g = ReduceMean<axes = [1, 2], keepdims = 1>(h)
        q = QuantizeLinear(g, s)  y = DequantizeLinear(q, s) }"""
    source = Graph(text, {"s": np.asarray(0.01, np.float32)}, 13).model("float")
    result = jpegcompile.compile(source, input="tensor")
    feeds = feeds_of(source)
    (actual,), (expected,) = run_float32(result.model, feeds), run_float32(source, feeds)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=0.011)
