"""Outputs of nonlinearities are truncated: positions and frequencies of JpegTruncate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import checker
from support.graphs import (
    Array,
    Graph,
    apply,
    assert_differs,
    assert_same,
    check_untouched,
    evaluate,
    feeds_of,
    module_before,
    outline_of,
    run_float32,
)
from support.plans import NETWORK, NODES, check_network, planned, planned_options

from jpegcompile.backends.emit import emit
from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.dct.frequencies import keep_band, resolve
from jpegcompile.frequency_plan import FrequencyPlan, NodeFrequencies
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import operator_of, output_block
from jpegcompile.lowering import lower

NAME = "truncate-frequencies"
RELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }")
SIZES = {"16,16": 8, "12,12": 4, "14,14": 2}


def changed(graph: Graph, **plan: Any) -> Module:
    """Run the pipeline up to and including the pass, which must change the graph."""
    module = module_before(graph, NAME, planned_options(**plan))
    assert apply(module, NAME)
    return module


@pytest.mark.parametrize("size", SIZES)
def test_a_relu(size: str) -> None:
    block, side = SIZES[size], int(size.split(",")[0])
    graph = RELU.with_text("16,16", size)
    module = changed(graph, truncate=6)
    assert outline_of(module) == "ToJpeg JpegRelu JpegTruncate ToSpatial"
    relu, truncation, cast = module.graph.nodes[1:]
    count = {8: 6, 4: 3, 2: 1}[block]
    assert truncation.attrs == {"block": block, "frequencies": count}
    assert (truncation.name, truncation.domain) == ("y.truncated", "jpegcompile")
    assert truncation.inputs[0] is relu.outputs[0]
    assert cast.inputs[0] is truncation.outputs[0]
    kept = truncation.outputs[0]
    assert kept.name == "y.jpeg.truncated"
    assert (module.blocks[kept.name], module.twins[kept.name]) == (block, "y")
    rows, columns = np.indices((side, side)) % block
    assert truncation.inputs[1].name == f"jpegcompile.band.{side}x{side}.b{block}.n{count}.float64"
    np.testing.assert_array_equal(value_of(truncation.inputs[1]), rows + columns < count)
    report = module.report.node("y")
    assert (report.truncate, report.masking, report.frequencies) == (count, "exact", 2 * block - 1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 4, 6, 11, 14])
def test_values(size: str, count: int) -> None:
    """The spatial result without the high frequencies of every tile."""
    graph, block = RELU.with_text("16,16", size), SIZES[size]
    feeds = feeds_of(graph.model())
    rectified = to_jpeg(np.maximum(feeds["x"], 0.0), block)
    kept = resolve(count, block)
    expected = [to_spatial(keep_band(rectified, block, kept), block)]
    values = evaluate(emit(planned(graph, truncate=count)), feeds)
    assert_same(values, expected)
    wrong = kept + 1 if kept < 2 * block - 1 else kept - 1
    assert_differs(values, [to_spatial(keep_band(rectified, block, wrong), block)])
    for target in ("ort", "onnx"):
        narrow = emit(planned(graph, "float", target, truncate=count))
        checker.check_model(narrow, full_check=True)
        assert_same(run_float32(narrow, feeds), expected)


@pytest.mark.parametrize("relu", ["asm", "apx"])
@pytest.mark.parametrize(("count", "kept"), [(15, 9), (8, 8), (5, 12), (12, 3), (1, 1), (14, 14)])
def test_values_of_a_network(count: int, kept: int, relu: Any) -> None:
    wrong = [
        FrequencyPlan(relu, NodeFrequencies(count)),
        FrequencyPlan(relu, NodeFrequencies(keep=kept)) if count < 12 else FrequencyPlan(relu),
    ]
    if 1 < kept < 14:
        wrong.append(FrequencyPlan(relu, NodeFrequencies(count, kept - 1)))
    module = check_network(wrong, frequencies=count, truncate=kept, relu=relu)
    assert module.report.casts == 2


def test_values_of_a_plan_by_node() -> None:
    nodes = {"r1": {"truncate": 7}, "p1": {"frequencies": 9, "truncate": 15}, "r3": 6}
    plan: dict[str, Any] = {"frequencies": 12, "truncate": 10, "nodes": nodes}
    wrong = [FrequencyPlan(default=NodeFrequencies(12, 10)), FrequencyPlan()]
    module = check_network(wrong, frequencies=plan)
    kept = {name: module.report.node(name).truncate for name in NODES}
    assert kept == {"r1": 7, "p1": 7, "r2": 5, "r3": 5, "p3": 2, "y": 2}
    # With approximated masks, convolutions are not fused with nonlinearities.
    truncated = [n.name for n in module.graph.nodes if n.op == "JpegTruncate"]
    assert truncated == [f"{name}.truncated" for name in ("r1", "r2", "r3", "p3", "y")]


@pytest.mark.parametrize("count", range(1, 15))
def test_numbers_at_block_sizes(count: int) -> None:
    """Block sizes of outputs: r1 has 8, y and p3 have 2, and the others have 4."""
    module = planned(NETWORK, truncate=count)
    blocks = dict(zip(NODES, (8, 4, 4, 4, 2, 2), strict=True))
    for name, block in blocks.items():
        assert module.report.node(name).truncate == resolve(count, block)
    found = {
        node.name: (output_block(node, operator), node.attrs["frequencies"])
        for node in module.graph.nodes
        if (operator := operator_of(node)) is not None and operator.truncates
    }
    assert found == {
        name if name.startswith("r") else f"{name}.truncated": (block, resolve(count, block))
        for name, block in blocks.items()
        if resolve(count, block) < 2 * block - 1
    }


@pytest.mark.parametrize(
    ("operator", "weights"),
    [
        ("Relu(x)", ()),
        ("LeakyRelu(x)", ()),
        ("PRelu(x, s)", ("s",)),
        ("Clip(x, low, high)", ("low", "high")),
        ("MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x)", ()),
        ("MaxPool<kernel_shape = [2, 2], dilations = [8, 8]>(x)", ()),
    ],
)
@pytest.mark.parametrize("plan", [{}, {"frequencies": 6}, {"frequencies": 6, "relu": "apx"}])
def test_every_nonlinearity(operator: str, weights: tuple[str, ...], plan: dict[str, Any]) -> None:
    values: dict[str, Array | tuple[int, ...]] = {
        "s": (3, 1, 1),
        "low": np.asarray(-0.5),
        "high": np.asarray(0.75),
    }
    text = f"(T[N,3,16,16] x) => (T[] y) {{ y = {operator} }}"
    graph = Graph(text, {name: values[name] for name in weights})
    module = changed(graph, truncate=6, **plan)
    _, nonlinearity, truncation, _ = module.graph.nodes
    assert truncation.op == "JpegTruncate"
    assert truncation.inputs[0] is nonlinearity.outputs[0]


def test_several_readers_and_an_output_take_one_truncated_map() -> None:
    text = """(T[N,4,16,16] x) => (T[] r, T[] y) {
        r = Relu(x)  c = Conv<pads = [1, 1, 1, 1]>(r, w)  y = Add(c, r) }"""
    module = changed(Graph(text, {"w": (4, 4, 3, 3)}), truncate=6)
    assert outline_of(module) == "ToJpeg JpegRelu JpegTruncate ToSpatial JpegConv Add ToSpatial"
    truncation = module.graph.nodes[2]
    assert len(truncation.outputs[0].outputs) == 3
    (reader,) = module.graph.nodes[1].outputs[0].outputs
    assert reader is truncation


def test_what_is_not_a_nonlinearity_is_not_truncated() -> None:
    text = """(T[N,4,16,16] x) => (T[] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)  a = Add(c, x)
        y = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(a) }"""
    graph = Graph(text, {"w": (4, 4, 3, 3)})
    module = module_before(graph, NAME, planned_options(truncate=6))
    assert check_untouched(module, NAME) == {}
    assert {node.truncate for node in module.report.nodes} == {None}


@pytest.mark.parametrize("size", SIZES)
def test_all_frequencies_change_nothing(size: str) -> None:
    module = module_before(RELU.with_text("16,16", size), NAME, planned_options(truncate=15))
    assert check_untouched(module, NAME) == {}
    assert module.report.node("y").truncate == 2 * SIZES[size] - 1


def test_block_size_1_is_not_truncated() -> None:
    for graph in (
        RELU.with_text("16,16", "7,7"),
        RELU.with_text("Relu(x)", "MaxPool<kernel_shape = [2, 2]>(x)"),
    ):
        module = module_before(graph, NAME, planned_options(truncate=1))
        assert check_untouched(module, NAME) == {}
        assert module.report.node("y").truncate is None


def test_names_that_are_taken() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  e = Sinh(r)  y = Relu(e) }"
    model = Graph(text).model()
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = "y.jpeg.truncated"
    model.graph.node[1].name = "y.truncated"
    module = lower(load_source(model), planned_options(truncate=6))
    names = [node.name for node in module.graph.nodes]
    assert len(set(names)) == len(names)
    assert "y.truncated.1" in names
    assert {"y.jpeg.truncated", "y.jpeg.truncated.1"} <= set(module.graph.tensors())
    feeds = feeds_of(model)
    plain = emit(planned(Graph(text), truncate=6))
    assert_same(evaluate(emit(module), feeds), evaluate(plain, feeds))
