"""Standard operators on coefficients: on pixels only where that gives the same coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.raising import evaluated, raised

from jpegcompile.dct.blocks import axis_dct, to_jpeg
from jpegcompile.interface import DOMAIN

SIZE = 8
RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(size=(2 * SIZE * SIZE, 5))
FACTORS = RANDOM.normal(size=(2, 1, 1))
PIXELS = RANDOM.normal(size=(3, 2, SIZE, SIZE))


def mixed(kind: int, rank: int, *nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A model of pixels x, whose nodes also read their coefficients c, and return y."""
    matrix = axis_dct(SIZE, 8)
    constants = {"D": matrix, "T": matrix.T, "W": WEIGHTS, "V": FACTORS}
    to_jpeg = helper.make_node("ToJpeg", ["x", "D", "T"], ["c"], "cast", domain=DOMAIN, block=8)
    graph = helper.make_graph(
        [to_jpeg, *nodes],
        "mixed",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["N", 2, SIZE, SIZE])],
        [helper.make_tensor_value_info("y", kind, [None] * rank)],
        [numpy_helper.from_array(np.ascontiguousarray(v), n) for n, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def node(op: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), [output], f"{op}.{output}", **attributes)


def coefficients() -> Any:
    return to_jpeg(PIXELS, 8)


# Nodes, the type of the result, and how many products with matrices remain.
CASES: dict[str, tuple[list[onnx.NodeProto], int, Any, int]] = {
    "a quotient of maps": (
        [node("Neg", "c", "n"), node("Div", "c n", "y")],
        TensorProto.DOUBLE, lambda: -np.ones_like(PIXELS), 4,
    ),
    "a quotient by channel": (
        [node("Div", "c V", "y")], TensorProto.DOUBLE, lambda: coefficients() / FACTORS, 2,
    ),
    "whole numbers": (
        [node("Cast", "c", "y", to=TensorProto.INT64)],
        TensorProto.INT64, lambda: np.trunc(coefficients()), 2,
    ),
    "weights of coefficients": (
        [node("Flatten", "c", "f"), node("MatMul", "f W", "y")],
        TensorProto.DOUBLE, lambda: coefficients().reshape(3, -1) @ WEIGHTS, 1,
    ),
    "weights of coefficients and pixels": (
        [node("Flatten", "c", "f"), node("Flatten", "x", "g"), node("MatMul", "f W", "a"),
         node("MatMul", "g W", "b"), node("Add", "a b", "y")],
        TensorProto.DOUBLE,
        lambda: (coefficients() + PIXELS).reshape(3, -1) @ WEIGHTS, 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_standard_operators(case: str) -> None:
    nodes, kind, compute, products = CASES[case]
    expected = compute()
    model = raised(mixed(kind, expected.ndim, *nodes))
    np.testing.assert_allclose(evaluated(model, {"x": PIXELS}), expected, rtol=0, atol=1e-10)
    assert [n.op_type for n in model.graph.node].count("MatMul") == products
