"""Approximated masks: which nodes change, what they compute, and which plans are rejected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import checker, helper
from support.codes import refused
from support.graphs import (
    TENSOR,
    Array,
    Graph,
    apply,
    assert_same,
    check_untouched,
    evaluate,
    kept_reasons,
    module_before,
    outline_of,
    pass_named,
    run_float32,
)
from support.masking import clear_map, clear_pool_map
from support.plans import NETWORK, NODES, check_network, planned, planned_options

from jpegcompile.backends.emit import emit
from jpegcompile.dct.blocks import to_spatial
from jpegcompile.dct.frequencies import resolve, transform_cost
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import FrequencyPlan, NodeFrequencies
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.messages import code_of

NAME = "approximate-masks"
SIZES = {"16,16": 8, "12,12": 4, "14,14": 2}
WEIGHTS: dict[str, Array | tuple[int, ...]] = {
    "s": (3, 1, 1),
    "zero": np.asarray(0.0),
    "low": np.asarray(-0.5),
    "high": np.asarray(0.75),
}
# The source operator, and its JPEG-domain operators for ASM and APX.
OPERATORS = {
    "Relu(x)": ("JpegAsmRelu", "JpegApxRelu"),
    "LeakyRelu(x)": ("JpegAsmPRelu", "JpegApxPRelu"),
    "PRelu(x, s)": ("JpegAsmPRelu", "JpegApxPRelu"),
    "Clip(x, low, high)": ("JpegAsmClip", "JpegApxClip"),
    "Clip(x, zero)": ("JpegAsmRelu", "JpegApxRelu"),
    "MaxPool<kernel_shape = [2, 2]>(x)": ("JpegAsmMaxPool", "JpegAsmMaxPool"),
    "MaxPool<kernel_shape = [2, 2], dilations = [2, 3]>(x)": (
        "JpegAsmDilatedMaxPool",
        "JpegAsmDilatedMaxPool",
    ),
}


def one(operator: str, size: str = "16,16", opset: int = 17) -> Graph:
    text = f"(T[N,3,{size}] x) => (T[] y) {{ y = {operator} }}"
    used = {name: weight for name, weight in WEIGHTS.items() if name in operator.split("(x")[1]}
    return Graph(text, used, opset)


def changed(graph: Graph, **plan: Any) -> Module:
    """Run the pipeline up to and including the pass, which must change the graph."""
    module = module_before(graph, NAME, planned_options(**plan))
    assert apply(module, NAME)
    return module


@pytest.mark.parametrize("relu", ["asm", "apx"])
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("size", SIZES)
def test_every_operator(operator: str, size: str, relu: str) -> None:
    graph, block = one(operator, size), SIZES[size]
    exact = module_before(graph, NAME).report.node("y")
    op = OPERATORS[operator][relu == "apx"]
    module = changed(graph, frequencies=6, relu=relu)
    assert outline_of(module).removesuffix(" ToSpatial") == f"ToJpeg {op}"
    node = module.graph.nodes[1]
    side, count = int(size.split(",")[0]), {8: 6, 4: 3, 2: 1}[block]
    assert (node.name, node.attrs["frequencies"]) == ("y", count)
    rows, columns = np.indices((side, side)) % block
    band = node.inputs[1]
    assert band.name == f"jpegcompile.band.{side}x{side}.b{block}.n{count}.float64"
    np.testing.assert_array_equal(value_of(band), rows + columns < count)
    report = module.report.node("y")
    is_asm = relu == "asm" or "MaxPool" in op
    assert (report.masking, report.frequencies) == ("asm" if is_asm else "apx", count)
    more = transform_cost(block, count) - (0 if is_asm else 2 * block)
    assert report.transform_multiply_adds - exact.transform_multiply_adds == round(
        more * 3 * side * side
    )
    assert report.multiply_adds == exact.multiply_adds


def emitted_frequencies(model: onnx.ModelProto) -> dict[str, int]:
    """Attribute `frequencies` by node name."""
    return {
        node.name: helper.get_attribute_value(attribute)
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name == "frequencies"
    }


@pytest.mark.parametrize("count", range(1, 15))
def test_numbers_in_the_emitted_model(count: int) -> None:
    """Masks r1 and p1 have block size 8; r2, r3 and p3 have 4; y has 2."""
    blocks = dict(zip(NODES, (8, 8, 4, 4, 4, 2), strict=True))
    expected = {n: resolve(count, b) for n, b in blocks.items() if resolve(count, b) < 2 * b - 1}
    model = emit(planned(NETWORK, "float", frequencies=count))
    assert emitted_frequencies(model) == expected
    report = planned(NETWORK, frequencies=count).report
    for name, block in blocks.items():
        assert report.node(name).frequencies == resolve(count, block)
        assert report.node(name).masking == ("asm" if name in expected else "exact")
    assert {node.masking for node in report.nodes if node.name not in NODES} == {None}


@pytest.mark.parametrize("relu", ["asm", "apx"])
@pytest.mark.parametrize("count", [1, 2, 5, 8, 11, 14, 15])
def test_values_are_those_of_the_references(count: int, relu: str) -> None:
    others = [] if count == 15 else [FrequencyPlan("asm"), FrequencyPlan("apx")]
    if 1 < count < 14:
        masking: Any = "apx" if relu == "asm" else "asm"
        others += [
            FrequencyPlan(masking, NodeFrequencies(count)),
            FrequencyPlan(masking, NodeFrequencies(count - 1)),
        ]
    module = check_network(others, frequencies=count, relu=relu)
    assert kept_reasons(module) == {}
    assert module.report.casts == 2


def test_values_of_a_plan_by_node() -> None:
    nodes = {"r1": 4, "p1": 15, "r2": {"frequencies": 9}, "p3": 7}
    plan: dict[str, Any] = {"frequencies": 12, "nodes": nodes}
    wrong = [
        FrequencyPlan(nodes={"r1": NodeFrequencies(4)}),
        FrequencyPlan(default=NodeFrequencies(12)),
    ]
    module = check_network(wrong, frequencies=plan)
    found = {n.name: n.attrs["frequencies"] for n in module.graph.nodes if "frequencies" in n.attrs}
    assert found == {"r1": 4, "r2": 4, "r3": 6, "p3": 3, "y": 2}
    assert module.report.node("p1").masking == "exact"


# First and last opset; Clip has another form below opset 11.
SPELLINGS = {
    "Relu(x)": range(7, 30),
    "PRelu(x, s)": range(7, 30),
    "Clip<min = -0.5, max = 0.75>(x)": range(7, 11),
    "Clip<min = 0.0>(x)": range(7, 11),
    "Clip(x, low, high)": range(11, 30),
    "MaxPool<kernel_shape = [2, 2]>(x)": range(8, 30),
    "MaxPool<kernel_shape = [2, 2], dilations = [2, 3]>(x)": range(10, 30),
}
SPELLED = [
    (operator, opset)
    for operator, opsets in SPELLINGS.items()
    for opset in (7, 8, 10, 11, 13, 22)
    if opset in opsets
]


@pytest.mark.sampled
@pytest.mark.parametrize(("operator", "opset"), SPELLED)
def test_compiled_files_run(operator: str, opset: int) -> None:
    """In ONNX Runtime in float32, on pixels that are not near breakpoints."""
    graph = one(operator, opset=opset)
    maps = clear_map((2, 3, 16, 16), 9, (-0.5, 0.0, 0.75))
    if "MaxPool" in operator:
        step = (2, 3) if "dilations" in operator else (1, 1)
        window = {"kernel_shape": (2, 2), "dilations": step}
        maps = clear_pool_map((2, 3, 16, 16), 9, window)
    feeds = {"x": to_spatial(maps, 8)}
    for relu in ("asm", "apx"):
        expected = evaluate(emit(planned(graph, frequencies=9, relu=relu)), feeds)
        for target in ("ort", "onnx"):
            narrow = emit(planned(graph, "float", target, frequencies=9, relu=relu))
            checker.check_model(narrow, full_check=True)
            assert bool(narrow.functions) == (target == "ort")
            assert_same(run_float32(narrow, feeds), expected)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("relu", ["asm", "apx"])
def test_all_frequencies_change_nothing(operator: str, size: str, relu: str) -> None:
    options = planned_options(frequencies=15, relu=relu)
    module = module_before(one(operator, size), NAME, options)
    assert check_untouched(module, NAME) == {}
    (report,) = module.report.nodes
    assert (report.masking, report.frequencies) == ("exact", 2 * SIZES[size] - 1)


def test_block_size_1_has_no_masks() -> None:
    module = module_before(one("Relu(x)", "7,7"), NAME, planned_options(frequencies=1))
    assert check_untouched(module, NAME) == {}
    assert module.report.node("y").masking is None


def test_a_number_that_is_all_of_a_small_tile() -> None:
    module = module_before(one("Relu(x)", "14,14"), NAME, planned_options(frequencies=13))
    assert check_untouched(module, NAME) == {}
    assert changed(one("Relu(x)", "14,14"), frequencies=12).graph.nodes[1].attrs["frequencies"] == 2


def test_bands_are_shared() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  c = Conv(r, w)  y = Relu(c) }"
    module = changed(Graph(text, {"w": (3, 3, 1, 1)}), frequencies=6)
    masks = [node for node in module.graph.nodes if node.op == "JpegAsmRelu"]
    assert len(masks) == 2
    assert masks[0].inputs[1] is masks[1].inputs[1]


def test_a_name_that_no_nonlinearity_has() -> None:
    def message(graph: Graph, name: str, **options: Any) -> str:
        plan = {"nodes": {name: 8}}
        with refused("plan-node-unknown", UsageError) as caught:
            planned(graph, frequencies=plan, **options)
        return str(caught.value)

    found = message(NETWORK, "relu")
    assert found.startswith("frequencies: ")
    assert "'relu'" in found
    assert "'r1', 'p1', 'r2', ..." in found
    # A convolution, and a ReLU of vectors.
    assert "'c1'" in message(NETWORK, "c1")
    text = """(T[N,3,16,16] x) => (T[] y) {
        r = Relu(x)  g = GlobalAveragePool(r)  f = Flatten(g)  y = Relu(f) }"""
    found = message(Graph(text), "y")
    assert "'y'" in found
    assert "'r'" in found
    named = FrequencyPlan(nodes={"z": NodeFrequencies(3)}, name="plan.json")
    with refused("plan-node-unknown", UsageError) as caught:
        planned(NETWORK, frequencies=named)
    assert str(caught.value).startswith("plan.json: ")


def test_an_unknown_name_is_refused_whatever_its_number() -> None:
    options = replace(TENSOR, frequencies=FrequencyPlan(nodes={"z": NodeFrequencies()}))
    module = module_before(one("Relu(x)"), NAME, options)
    with refused("plan-node-unknown", UsageError):
        pass_named(NAME).run(module)


def test_a_node_that_stays_spatial_may_be_named() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, int64[] where) {
        y, where = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) }"""
    module = planned(Graph(text), frequencies={"nodes": {"y": 3}})
    assert outline_of(module) == "MaxPool"
    assert module.report.node("y").masking is None


def test_max_pool_in_opset_7_stays_exact() -> None:
    graph = one("MaxPool<kernel_shape = [2, 2]>(x)", opset=7)
    module = module_before(graph, NAME, planned_options(frequencies=6))
    assert check_untouched(module, NAME) == {}
    (note,) = module.report.notes
    assert code_of(note) == "max-pool-without-positions"
    assert "MaxPool 'y'" in note
    report = module.report.node("y")
    assert (report.masking, report.frequencies) == ("exact", 15)
    unplanned = planned(graph, frequencies=15)
    assert not any(code_of(note) == "max-pool-without-positions" for note in unplanned.report.notes)


def test_relu_in_opset_7_beside_a_max_pool() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  y = MaxPool<kernel_shape = [2, 2]>(r) }"
    module = planned(Graph(text, opset=7), frequencies=6)
    assert outline_of(module) == "ToJpeg JpegAsmRelu JpegMaxPool"
    assert list(map(code_of, module.report.notes)).count("max-pool-without-positions") == 1
