"""Maxima of whole maps, and means and sums over parts of the plane or over channels.

By `split-reduction`, `lower-reduction` and `lower-channel-reduction`.
"""

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
    kept_reasons,
    lowered,
    module_before,
    outline_of,
)

CANONICAL = "canonical-reduction"
LOWER = "lower-reduction"
CHANNELS = "lower-channel-reduction"
MAXIMUM = Graph("(T[N,3,16,16] x) => (T[] y) { y = GlobalMaxPool(x) }")


def reduced(op: str, axes: list[int], keep: int, opset: int = 17, size: str = "16,24") -> Graph:
    """A reduction with axes as an attribute, or as an input if the opset requires it."""
    since = 13 if op == "ReduceSum" else 18
    signature = f"(T[N,3,{size}] x) => (T[] y)"
    if opset < since:
        return Graph(
            f"{signature} {{ y = {op}<axes = {axes}, keepdims = {keep}>(x) }}", opset=opset
        )
    text = f"{signature} {{ y = {op}<keepdims = {keep}>(x, axes) }}"
    return Graph(text, {"axes": np.asarray(axes)}, opset)


def test_global_max_pool() -> None:
    module = check_pass(MAXIMUM, "lower-global-max-pool", "ToJpeg JpegGlobalMaxPool")
    assert module.graph.nodes[1].attrs == {"input_block": 8, "output_block": 1}
    check_fault(MAXIMUM, MAXIMUM.with_text("GlobalMaxPool", "GlobalAveragePool"))


@pytest.mark.parametrize("opset", [7, 13, 22])
@pytest.mark.parametrize("size", ["8,8", "12,16", "14,14", "7,7", "1,1"])
def test_global_max_pool_at_block_sizes(size: str, opset: int) -> None:
    graph = Graph(MAXIMUM.text.replace("16,16", size), opset=opset)
    assert kept_reasons(check_compiled(graph)) == {}


def test_global_max_pool_at_block_size_1() -> None:
    module = module_before(MAXIMUM.with_text("16,16", "7,9"), "lower-global-max-pool")
    assert check_untouched(module, "lower-global-max-pool") == {}
    assert [node.name for node in module.report.lowered] == ["y"]


def test_global_max_pool_declines() -> None:
    text = """(T[N,3,16,16] x, int64[4] shape) => (T[] y) {
        map = Reshape(x, shape)  y = GlobalMaxPool(map) }"""
    reason = {"y": "map-shape-unknown"}
    assert declines(Graph(text), "lower-global-max-pool") == reason
    text = "(T[N,3,16,16] x) => (T[] y) { r = Reshape(x, shape)  y = GlobalMaxPool(r) }"
    graph = Graph(text, {"shape": np.asarray([0, 3, 4, 4, 16])})
    reason = {"y": "not-a-map"}
    assert declines(graph, "lower-global-max-pool") == reason


@pytest.mark.parametrize("opset", [11, 13, 18, 22])
@pytest.mark.parametrize("axes", [[2, 3], [-1, -2]])
@pytest.mark.parametrize("keep", [0, 1])
def test_maximum_of_the_plane(keep: int, axes: list[int], opset: int) -> None:
    graph = reduced("ReduceMax", axes, keep, opset)
    outline = "GlobalMaxPool" if keep else "GlobalMaxPool Flatten"
    check_pass(graph, CANONICAL, outline)
    check_compiled(graph, f"ToJpeg Jpeg{outline}")


@pytest.mark.parametrize(("first", "second", "keep"), [("[3]", "[2]", 0), ("[2]", "[3]", 1)])
def test_maxima_of_one_axis_after_the_other(first: str, second: str, keep: int) -> None:
    text = f"""(T[N,3,16,16] x) => (T[] y) {{ m = ReduceMax<axes = {first}, keepdims = {keep}>(x)
        y = ReduceMax<axes = {second}, keepdims = {keep}>(m) }}"""
    graph = Graph(text, opset=13)
    check_pass(graph, CANONICAL, "GlobalMaxPool" if keep else "GlobalMaxPool Flatten")
    mixed = graph.with_text("m = ReduceMax", "m = ReduceMean")
    assert check_untouched(module_before(mixed, CANONICAL), CANONICAL) == {}


@pytest.mark.parametrize("axes", [[3]])
def test_other_maxima_stay(axes: list[int]) -> None:
    graph = reduced("ReduceMax", axes, 1)
    assert check_untouched(module_before(graph, CANONICAL), CANONICAL) == {}
    assert kept_reasons(check_compiled(graph)) == {"y": "no-jpeg-domain-form"}


@pytest.mark.parametrize("opset", [7, 13, 18, 22])
@pytest.mark.parametrize("size", ["16,24", "14,6", "7,8"])
@pytest.mark.parametrize("axes", [[2], [-1]])
@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum"])
def test_one_axis(op: str, axes: list[int], size: str, opset: int) -> None:
    graph = reduced(op, axes, 1, opset, size)
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    assert outline_of(module) == f"ToJpeg Jpeg{op}" or "7" in size


def test_structure() -> None:
    module = check_pass(reduced("ReduceMean", [2], 1), LOWER, "ToJpeg JpegReduceMean")
    node = module.graph.nodes[1]
    assert node.attrs == {"input_block": 8, "output_block": 1}
    assert [t.shape for t in node.inputs[1:]] == [(1, 16), (24, 24)]


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("keep", [0, 1])
def test_sum_of_the_plane(keep: int, opset: int) -> None:
    graph = reduced("ReduceSum", [2, 3], keep, opset)
    outline = "JpegReduceSum" if keep else "JpegReduceSum Flatten"
    check_compiled(graph, f"ToJpeg {outline}")
    if not keep:
        check_pass(graph, CANONICAL, "ReduceSum Flatten")


OF_CHANNELS = ["ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"]


@pytest.mark.parametrize("size", ["16,24", "14,6", "7,9"])
@pytest.mark.parametrize("opset", [11, 13, 18, 22])
@pytest.mark.parametrize("op", OF_CHANNELS)
def test_channels(op: str, opset: int, size: str) -> None:
    module = check_compiled(reduced(op, [1], 1, opset, size))
    assert kept_reasons(module) == {}
    name = op.replace("Reduce", "JpegChannel")
    assert outline_of(module) == (op if size == "7,9" else f"ToJpeg {name} ToSpatial")


@pytest.mark.parametrize("op", OF_CHANNELS)
def test_channels_pass(op: str) -> None:
    name = op.replace("Reduce", "JpegChannel")
    graph = reduced(op, [-3], 1, 13)
    check_pass(graph, CHANNELS, f"ToJpeg {name} ToSpatial")
    other = "ReduceMin" if op == "ReduceMax" else "ReduceMax"
    if op != "ReduceSum":
        check_fault(graph, graph.with_text(op, other))


@pytest.mark.parametrize("op", OF_CHANNELS)
@pytest.mark.parametrize("opset", [11, 18])
def test_channels_that_come_back(op: str, opset: int) -> None:
    """The form of torch.max(x, 1)[0].unsqueeze(1)."""
    graph = reduced(op, [1], 0, opset)
    end = " u = Reshape(r, map)  y = Relu(u) }"
    back = graph.with_text("y = ", "r = ").with_text("}", end)
    back = Graph(back.text, {**back.weights, "map": np.asarray([0, 1, 16, 24])}, opset)
    name = op.replace("Reduce", "JpegChannel")
    module = check_compiled(back, f"ToJpeg {name} JpegRelu ToSpatial")
    assert kept_reasons(module) == {}
    check_pass(graph, CANONICAL, f"{op} Reshape")


def test_block_size_1_stays() -> None:
    graph = reduced("ReduceMean", [2], 1, size="7,9")
    module = module_before(graph, LOWER)
    assert check_untouched(module, LOWER) == {}
    assert [node.name for node in module.report.lowered] == ["y"]


def test_faults_are_seen() -> None:
    mean = reduced("ReduceMean", [2], 1, size="16,16")
    check_fault(mean, mean.with_text("ReduceMean", "ReduceMax"))
    total = reduced("ReduceSum", [3], 1, 11)
    check_fault(total, total.with_text("ReduceSum", "ReduceMean"))


@pytest.mark.parametrize(
    ("axes", "keep", "reason"),
    [
        ([2], 0, "reduction-drops-plane"),
        ([1, 2], 1, "reduced-axes-mixed"),
        ([0], 1, "reduced-axes-mixed"),
    ],
)
@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum"])
def test_declines(op: str, axes: list[int], keep: int, reason: str) -> None:
    graph = reduced(op, axes, keep)
    assert declines(graph, LOWER) == {"y": reason}
    assert outline_of(lowered(graph)) == op
    check_compiled(graph)


def test_declines_axes_that_are_not_known() -> None:
    reason = {"y": "reduced-axes-unknown"}
    text = "(T[N,3,16,16] x, int64[1] axes) => (T[A,B,C,D] y) { y = ReduceSum(x, axes) }"
    assert declines(Graph(text), LOWER) == reason
    every = Graph("(T[N,3,16,16] x) => (T[] y) { y = ReduceMean(x) }")
    assert declines(every, LOWER) == reason


def test_vectors_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        f = Flatten(x)  y = ReduceMean<axes = [1], keepdims = 1>(f) }"""
    assert declines(Graph(text), LOWER) == {}
