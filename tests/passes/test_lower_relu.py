"""ReLU: exact on the pixels of each block."""

from __future__ import annotations

import pytest
from support.graphs import (
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    module_before,
)

RELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }")


def test_relu() -> None:
    module = check_pass(RELU, "lower-relu", "ToJpeg JpegRelu ToSpatial")
    assert module.graph.nodes[1].attrs == {"block": 8}
    (node,) = module.report.lowered
    assert node.transform_multiply_adds == 2 * 2 * 8 * 3 * 16 * 16


@pytest.mark.parametrize("opset", [7, 14])
@pytest.mark.parametrize("size", ["16,16", "12,12", "14,14", "10,6", "7,7"])
def test_relu_at_block_sizes(size: str, opset: int) -> None:
    check_compiled(Graph(RELU.text, opset=opset).with_text("16,16", size))


def test_relu_at_block_size_1_stays() -> None:
    module = module_before(RELU.with_text("16,16", "7,7"), "lower-relu")
    assert check_untouched(module, "lower-relu") == {}
    assert [node.name for node in module.report.lowered] == ["y"]


def test_relu_of_vectors_is_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  f = Flatten(g)  y = Relu(f) }"""
    assert declines(Graph(text), "lower-relu") == {}


def test_relu_declines_other_types_and_unknown_shapes() -> None:
    text = "(T[N,3,16,16] x, int64[4] shape) => (T[] y) { map = Reshape(x, shape)  y = Relu(map) }"
    assert declines(Graph(text), "lower-relu") == {"y": "map-shape-unknown"}
    text = "(T[N,3,16,16] x) => (int32[] y) { map = Cast<to = 6>(x)  y = Relu(map) }"
    assert declines(Graph(text), "lower-relu") == {"y": "map-type-unsupported"}


def test_relu_faults_are_seen() -> None:
    check_fault(
        RELU,
        RELU.with_text("Relu(x)", "LeakyRelu<alpha = 0.000001>(x)"),
        RELU.with_text("Relu(x)", "Abs(x)"),
    )
