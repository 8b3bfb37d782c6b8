"""LeakyReLU and PReLU: exact on the pixels of each block."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    feeds_of,
    lowered,
    module_before,
)

from jpegcompile.ir.graph import value_of

LEAKY = Graph("(T[N,3,16,16] x) => (T[] y) { y = LeakyRelu<alpha = 0.25>(x) }")
PRELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = PRelu(x, s) }", {"s": (3, 1, 1)})
SLOPES = {
    "one number": np.asarray([0.25]),
    "a scalar": np.asarray(0.25),
    "one for each channel": np.asarray([0.25, -0.5, 1.5]).reshape(3, 1, 1),
    "with a batch axis": np.asarray([0.25, -0.5, 1.5]).reshape(1, 3, 1, 1),
}


def test_leaky_relu() -> None:
    module = check_pass(LEAKY, "lower-prelu", "ToJpeg JpegPRelu ToSpatial")
    node = module.graph.nodes[1]
    assert (node.name, node.attrs) == ("y", {"block": 8})
    np.testing.assert_array_equal(value_of(node.inputs[1]), [0.25])
    (report,) = module.report.lowered
    assert (report.op, report.transform_multiply_adds) == ("LeakyRelu", 2 * 2 * 8 * 3 * 16 * 16)


@pytest.mark.parametrize("dtype", ["float", "double"])
def test_alpha_that_is_not_given_is_a_hundredth(dtype: str) -> None:
    graph = LEAKY.with_text("<alpha = 0.25>", "")
    node = lowered(graph, dtype).graph.nodes[1]
    alpha = value_of(node.inputs[1])
    assert alpha is not None
    assert alpha.dtype == {"float": np.float32, "double": np.float64}[dtype]
    assert alpha.tolist() == [alpha.dtype.type(0.01)]
    # The evaluator's default is float32, also in a float64 graph.
    x = feeds_of(graph.model())["x"]
    check_compiled(graph, expected=[np.where(x > 0, x, 0.01 * x)])


@pytest.mark.parametrize("slope", SLOPES)
def test_prelu(slope: str) -> None:
    graph = Graph(PRELU.text, {"s": SLOPES[slope]})
    module = check_pass(graph, "lower-prelu", "ToJpeg JpegPRelu ToSpatial")
    values = value_of(module.graph.nodes[1].inputs[1])
    assert values is not None
    np.testing.assert_array_equal(values, SLOPES[slope])
    check_compiled(graph, "ToJpeg JpegPRelu ToSpatial")


def test_a_slope_for_each_pixel() -> None:
    check_compiled(Graph(PRELU.text, {"s": (3, 16, 16)}), "ToJpeg JpegPRelu ToSpatial")


def test_a_slope_that_is_an_input() -> None:
    text = "(T[N,3,16,16] x, T[3,1,1] s) => (T[] y) { y = PRelu(x, s) }"
    check_compiled(Graph(text), "ToJpeg JpegPRelu ToSpatial")


@pytest.mark.parametrize("opset", [7, 9, 16, 22])
@pytest.mark.parametrize("size", ["16,16", "12,12", "14,14", "10,6", "7,7"])
def test_block_sizes_and_opsets(size: str, opset: int) -> None:
    for graph in (LEAKY, PRELU):
        check_compiled(Graph(graph.text, graph.weights, opset).with_text("16,16", size))


@pytest.mark.parametrize("graph", [LEAKY, PRELU])
def test_block_size_1_stays(graph: Graph) -> None:
    module = module_before(graph.with_text("16,16", "7,7"), "lower-prelu")
    assert check_untouched(module, "lower-prelu") == {}
    assert [node.name for node in module.report.lowered] == ["y"]


def test_vectors_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] z) {
        g = GlobalAveragePool(x)  f = Flatten(g)  y = LeakyRelu(f)  z = PRelu(f, s) }"""
    assert declines(Graph(text, {"s": (3,)}), "lower-prelu") == {}


def test_unknown_shapes_are_declined() -> None:
    text = """(T[N,3,16,16] x, int64[4] shape) => (T[] y) {
        map = Reshape(x, shape)  y = LeakyRelu(map) }"""
    assert declines(Graph(text), "lower-prelu") == {"y": "map-shape-unknown"}


def test_faults_are_seen() -> None:
    check_fault(PRELU, PRELU.perturbed("s"), PRELU.with_text("PRelu(x, s)", "Mul(x, s)"))
    check_fault(
        LEAKY,
        LEAKY.with_text("0.25", "0.250001"),
        LEAKY.with_text("LeakyRelu<alpha = 0.25>(x)", "Relu(x)"),
    )
