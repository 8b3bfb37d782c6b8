"""Batch normalization is folded into a convolution before it if possible, and lowered otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    apply,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    module_before,
    outline_of,
    statistics,
)

NORMALIZE = "BatchNormalization<epsilon = 0.001>"
CONVOLVED = f"""(T[N,3,16,16] x) => (T[] y) {{
    c = Conv<pads = [1, 1, 1, 1]>(x, w, b)  y = {NORMALIZE}(c, s, t, m, v) }}"""
KERNEL = {"w": (4, 3, 3, 3), "b": (4,)}
AFTER_CONV = Graph(CONVOLVED, {**KERNEL, **statistics(4)})
AFTER_ADD = Graph(
    f"""(T[N,3,16,16] x, T[N,3,16,16] z) => (T[] y) {{
        a = Add(x, z)  y = {NORMALIZE}(a, s, t, m, v) }}""",
    statistics(3),
)
ALONE = Graph(
    "(T[N,3,16,16] x) => (T[] y) { y = BatchNormalization(x, s, t, m, v) }", statistics(3)
)


@pytest.mark.parametrize("opset", [7, 9, 14, 15, 17])
def test_folds_into_a_convolution(opset: int) -> None:
    graph = Graph(CONVOLVED, AFTER_CONV.weights, opset)
    module = check_pass(graph, "fold-batch-norm", "Conv")
    (node,) = module.graph.nodes
    assert node.outputs[0].name == "y"
    check_compiled(graph, "ToJpeg JpegConv ToSpatial")


def test_folds_where_the_convolution_has_no_bias() -> None:
    graph = AFTER_CONV.with_text("Conv<pads = [1, 1, 1, 1]>(x, w, b)", "Conv(x, w)")
    check_pass(graph, "fold-batch-norm", "Conv")
    check_compiled(graph)


def test_folds_into_grouped_convolution() -> None:
    graph = AFTER_CONV.with_text("<pads = [1, 1, 1, 1]>", "<group = 2>").with_text("N,3", "N,4")
    weights = {**graph.weights, "w": (4, 2, 3, 3)}
    check_pass(Graph(graph.text, weights), "fold-batch-norm", "Conv")


@pytest.mark.parametrize("name", ["w", "b", "s", "t", "m", "v"])
def test_faults_are_seen(name: str) -> None:
    check_fault(AFTER_CONV, AFTER_CONV.perturbed(name))
    if name in AFTER_ADD.weights:
        check_fault(AFTER_ADD, AFTER_ADD.perturbed(name))


def test_a_wrong_epsilon_is_seen() -> None:
    check_fault(AFTER_CONV, AFTER_CONV.with_text("0.001", "0.001001"))
    check_fault(AFTER_ADD, AFTER_ADD.with_text("0.001", "0.001001"))


def test_a_convolution_that_others_read_is_not_folded() -> None:
    text = CONVOLVED.replace("(T[] y)", "(T[] y, T[] z)").replace("}", " z = Relu(c) }")
    graph = Graph(text, AFTER_CONV.weights)
    assert check_untouched(module_before(graph, "fold-batch-norm"), "fold-batch-norm") == {}
    module = check_compiled(graph)
    assert "JpegBatchNormalization" in outline_of(module)


def test_a_convolution_that_leaves_the_graph_is_not_folded() -> None:
    graph = AFTER_CONV.with_text("(T[] y)", "(T[] y, T[] c)")
    assert check_untouched(module_before(graph, "fold-batch-norm"), "fold-batch-norm") == {}
    check_compiled(graph)


def test_a_convolution_of_computed_weights_is_not_folded() -> None:
    text = CONVOLVED.replace("x)", "x, T[108] values)", 1).replace(
        "c = Conv", "w = Reshape(values, shape)  c = Conv"
    )
    weights = {"shape": np.asarray([4, 3, 3, 3]), "b": (4,), **statistics(4)}
    graph = Graph(text, weights)
    assert check_untouched(module_before(graph, "fold-batch-norm"), "fold-batch-norm") == {}
    check_compiled(graph)


def test_shared_weights_are_not_changed() -> None:
    """Two convolutions share a kernel and a bias; only one is normalized."""
    text = """(T[N,3,16,16] x) => (T[] y, T[] z) {
        c = Conv(x, w, b)  z = Conv(x, w, b)  y = BatchNormalization(c, s, t, m, v) }"""
    graph = Graph(text, {**KERNEL, **statistics(4)})
    module = check_pass(graph, "fold-batch-norm", "Conv Conv")
    by_output = {node.outputs[0].name: node for node in module.graph.nodes}
    np.testing.assert_array_equal(by_output["z"].inputs[1].values, graph_weight(graph, "w"))
    assert by_output["y"].inputs[1] is not by_output["z"].inputs[1]
    check_compiled(graph)


def test_two_normalizations_of_one_kernel() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] z) {
        c = Conv(x, w, b)  d = Conv(c, u)  e = Conv(x, w, b)
        y = BatchNormalization(d, s, t, m, v)  z = BatchNormalization(e, s, t, m, v) }"""
    graph = Graph(text, {**KERNEL, "u": (4, 4, 1, 1), **statistics(4)})
    check_pass(graph, "fold-batch-norm", "Conv Conv Conv")


def graph_weight(graph: Graph, name: str) -> np.ndarray:
    (tensor,) = [t for t in graph.model().graph.initializer if t.name == name]
    return np.frombuffer(tensor.raw_data).reshape(tuple(tensor.dims))


def test_lowers_behind_an_addition() -> None:
    module = module_before(AFTER_ADD, "lower-batch-norm")
    assert apply(module, "lower-batch-norm")
    assert outline_of(module) == "Add ToJpeg JpegBatchNormalization ToSpatial"
    (node,) = module.report.lowered
    assert node.multiply_adds == 3 * 16 * 16
    check_compiled(AFTER_ADD)


@pytest.mark.parametrize("opset", [7, 9, 15])
def test_lowers_without_convolution(opset: int) -> None:
    graph = Graph(ALONE.text, ALONE.weights, opset)
    check_pass(graph, "lower-batch-norm", "ToJpeg JpegBatchNormalization ToSpatial")
    check_compiled(graph)


@pytest.mark.parametrize("size", ["12,12", "14,10", "7,7"])
def test_block_sizes(size: str) -> None:
    check_compiled(ALONE.with_text("16,16", size))


def test_block_size_1_stays() -> None:
    module = module_before(ALONE.with_text("16,16", "7,7"), "lower-batch-norm")
    assert check_untouched(module, "lower-batch-norm") == {}
    assert [node.name for node in module.report.lowered] == ["y"]


def test_vectors_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  f = Flatten(g)  y = BatchNormalization(f, s, t, m, v) }"""
    assert declines(Graph(text, statistics(3)), "lower-batch-norm") == {}


COMPUTED = "(T[N,3,16,16] x, T[3] s) => (T[] y) { y = BatchNormalization(x, s, t, m, v) }"
PARAMETERS = {name: value for name, value in statistics(3).items() if name != "s"}


def test_declines_computed_parameters() -> None:
    graph = Graph(COMPUTED, PARAMETERS)
    reason = "batch-norm-not-constant"
    assert declines(graph, "lower-batch-norm") == {"y": reason}
    behind = AFTER_CONV.with_text("x)", "x, T[4] s)")
    behind = Graph(behind.text, {k: v for k, v in behind.weights.items() if k != "s"})
    assert declines(behind, "fold-batch-norm") == {}
    assert declines(behind, "lower-batch-norm") == {"y": reason}


TRAINING = "batch-norm-training"


def test_declines_training_mode() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] mean, T[] var) {
        y, mean, var = BatchNormalization<training_mode = 1>(x, s, t, m, v) }"""
    graph = Graph(text, statistics(3))
    assert declines(graph, "lower-batch-norm") == {"y": TRAINING}


def test_declines_statistics_for_each_pixel() -> None:
    """Opset 7 allows spatial=0, which ONNX Runtime supports but shape inference does not."""
    module = module_before(Graph(ALONE.text, ALONE.weights, 7), "lower-batch-norm")
    module.graph.nodes[0].attrs["spatial"] = 0
    reason = "batch-norm-per-pixel"
    assert check_untouched(module, "lower-batch-norm") == {"y": reason}


def test_declines_unknown_shapes() -> None:
    text = """(T[N,3,16,16] x, int64[4] shape) => (T[] y) {
        map = Reshape(x, shape)  y = BatchNormalization(map, s, t, m, v) }"""
    reasons = declines(Graph(text, statistics(3)), "lower-batch-norm")
    assert reasons == {"y": "map-shape-unknown"}
