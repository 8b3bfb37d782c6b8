"""Nodes that no GPU kernel computes, by the code of the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from support.graphs import Graph, Weights, lowered

from jpegcompile.analysis.kernels.select import call_of
from jpegcompile.ir.calls import TorchCall
from jpegcompile.ir.module import Module

FOUR: Weights = {name: np.linspace(0.5, 1.5, 4) for name in "stmv"}
MAP = "T[N,4,16,16] x"


def node_of(module: Module, op: str) -> gs.Node:
    (node,) = [node for node in module.graph.nodes if node.op == op]
    return node


def reason_of(graph: Graph, op: str, dtype: str = "float") -> str:
    """The code of the reason for the only node with this operator, in the lowered graph."""
    module = lowered(graph, dtype, target="onnx")
    return code_of_node(node_of(module, op), module)


def code_of_node(node: gs.Node, module: Module) -> str:
    (call,) = call_of(node, module)
    assert isinstance(call, TorchCall)
    assert call.node is node
    return call.reason.code


CASES: dict[str, tuple[str, Weights, str, str]] = {
    "an operator without a kernel": (
        f"({MAP}) => (T[] y) {{ y = Sinh(x) }}",
        {},
        "Sinh",
        "no-kernel-for-operator",
    ),
    "weights that are computed": (
        f"({MAP}, T[4,4,3,3] w) => (T[] y) {{ y = Conv<pads = [1, 1, 1, 1]>(x, w) }}",
        {},
        "JpegConv",
        "input-not-constant",
    ),
    "a slope for each pixel": (
        f"({MAP}) => (T[] y) {{ y = PRelu(x, p) }}",
        {"p": (4, 16, 16)},
        "JpegPRelu",
        "operand-varies-within-channel",
    ),
    "one number for all channels": (
        f"({MAP}) => (T[] y) {{ g = ReduceMean<axes = [1, 2, 3]>(x)  y = Add(x, g) }}",
        {},
        "JpegAdd",
        "operand-not-per-channel",
    ),
    "a constant map": (
        f"({MAP}) => (T[] y) {{ y = Mul(x, c) }}",
        {"c": (1, 4, 16, 16)},
        "JpegMul",
        "operand-of-unknown-size",
    ),
    "a normalization of sequences": (
        "(T[N,4,16,16] x) => (T[] y) { r = Reshape(x, long)"
        "  y = BatchNormalization(r, s, t, m, v) }",
        {**FOUR, "long": np.asarray([0, 4, 256])},
        "BatchNormalization",
        "not-on-pixels",
    ),
    "statistics of the batch": (
        f"({MAP}) => (T[] y) {{ y, a, b = BatchNormalization<training_mode = 1>(x, s, t, m, v) }}",
        FOUR,
        "BatchNormalization",
        "statistics-of-batch",
    ),
    "sums of vectors": (
        "(T[N,4,16,16] x, T[N,4] z) => (T[] y) {"
        " g = GlobalAveragePool(x)  f = Flatten(g)  y = Add(f, z) }",
        {},
        "Add",
        "operands-of-different-sizes",
    ),
    "three operands": (
        f"({MAP}, T[N,4,16,16] z) => (T[] y) {{ r = Relu(x)  y = Sum(x, z, r) }}",
        {},
        "Sum",
        "more-than-two-operands",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_reasons(case: tuple[str, Weights, str, str]) -> None:
    text, weights, op, code = case
    assert reason_of(Graph(text, weights), op) == code


def test_another_precision() -> None:
    graph = Graph(f"({MAP}) => (T[] y) {{ y = Relu(x) }}")
    assert reason_of(graph, "JpegRelu", "double") == "maps-of-unknown-size"


def test_operands_of_different_block_sizes() -> None:
    module = lowered(Graph(f"({MAP}, T[N,4,16,16] z) => (T[] y) {{ y = Add(x, z) }}"), "float")
    node = node_of(module, "Add")
    del module.blocks[node.inputs[0].name]
    assert code_of_node(node, module) == "operands-of-different-blocks"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda node: node.attrs.update(auto_pad="SAME_UPPER"), "padding-not-explicit"),
        (lambda node: node.attrs.update(kernel_shape=[3]), "kernel-shape-unknown"),
    ],
)
def test_windows(change: Callable[[gs.Node], Any], code: str) -> None:
    text = "(T[N,3,15,15] x) => (T[] y) { y = Conv<pads = [1, 1, 1, 1]>(x, w) }"
    module = lowered(Graph(text, {"w": (4, 3, 3, 3)}), "float", target="onnx")
    node = node_of(module, "Conv")
    change(node)
    assert code_of_node(node, module) == code
