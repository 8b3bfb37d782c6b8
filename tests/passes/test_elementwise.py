"""Arithmetic between maps, and of maps with values that do not vary over the plane."""

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
    kept_reasons,
    module_before,
    random_weight,
)

TWO_MAPS = "(T[N,3,16,16] x, T[N,3,16,16] z) => (T[] y) "
ONE_MAP = "(T[N,3,16,16] x) => (T[] y) "
NAME = "lower-elementwise"

FLAT: dict[str, np.ndarray] = {
    "scalar": random_weight("scalar", ()),
    "one": random_weight("one", (1,)),
    "vector": random_weight("vector", (3, 1, 1)),
    "map": random_weight("map", (1, 3, 1, 1)),
}


def constant(op: str, kind: str, swapped: bool = False) -> Graph:
    operands = "c, x" if swapped else "x, c"
    return Graph(f"{ONE_MAP} {{ y = {op}({operands}) }}", {"c": FLAT[kind]})


@pytest.mark.parametrize("op", ["Add", "Sub", "Sum", "Concat<axis = 1>", "Concat<axis = -3>"])
def test_linear_operators_of_maps_stay_the_same(op: str) -> None:
    graph = Graph(f"{TWO_MAPS} {{ y = {op}(x, z) }}")
    name = op.split("<")[0]
    check_pass(graph, NAME, f"ToJpeg ToJpeg {name} ToSpatial")
    check_compiled(graph)


@pytest.mark.parametrize("opset", [8, 13])
def test_sums_of_several(opset: int) -> None:
    text = "(T[N,3,16,16] x, T[N,3,16,16] z, T[N,3,16,16] v) => (T[] y) { y = Sum(x, z, v) }"
    check_compiled(Graph(text, opset=opset), "ToJpeg ToJpeg ToJpeg Sum ToSpatial")
    check_compiled(Graph(f"{ONE_MAP} {{ y = Sum(x) }}", opset=opset), "ToJpeg Sum ToSpatial")


def test_concat_of_different_channels() -> None:
    text = "(T[N,3,16,16] x, T[N,1,16,16] z) => (T[] y) { y = Concat<axis = 1>(x, z, x) }"
    check_compiled(Graph(text), "ToJpeg ToJpeg Concat ToSpatial")


def test_a_map_twice() -> None:
    check_compiled(Graph(f"{ONE_MAP} {{ y = Add(x, x) }}"), "ToJpeg Add ToSpatial")


@pytest.mark.parametrize("kind", list(FLAT))
@pytest.mark.parametrize("op", ["Add", "Sub"])
def test_constants_that_are_added_meet_dc_only(op: str, kind: str) -> None:
    graph = constant(op, kind)
    module = check_pass(graph, NAME, f"ToJpeg Jpeg{op} ToSpatial")
    assert module.graph.nodes[1].attrs == {"block": 8}
    check_compiled(graph)
    check_fault(graph, graph.perturbed("c"))


@pytest.mark.parametrize("kind", list(FLAT))
@pytest.mark.parametrize("op", ["Mul", "Div"])
def test_factors_stay_the_same(op: str, kind: str) -> None:
    graph = constant(op, kind)
    check_pass(graph, NAME, f"ToJpeg {op} ToSpatial")
    check_compiled(graph)
    check_fault(graph, graph.perturbed("c"))


@pytest.mark.parametrize("kind", list(FLAT))
def test_operands_commute(kind: str) -> None:
    check_compiled(constant("Add", kind, swapped=True), "ToJpeg JpegAdd ToSpatial")
    check_compiled(constant("Mul", kind, swapped=True), "ToJpeg Mul ToSpatial")


@pytest.mark.parametrize("kind", list(FLAT))
@pytest.mark.parametrize("op", ["Sub", "Div"])
def test_declines_a_map_as_second_operand(op: str, kind: str) -> None:
    graph = constant(op, kind, swapped=True)
    assert declines(graph, NAME) == {"y": "its map is the second operand"}
    check_compiled(graph, op)


@pytest.mark.parametrize("opset", [7, 13])
def test_squeeze_and_excite(opset: int) -> None:
    """A factor that is itself computed from the map, one value a channel."""
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  c = Conv(g, w)  s = Sigmoid(c)  y = Mul(x, s) }"""
    graph = Graph(text, {"w": (3, 3, 1, 1)}, opset)
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    check_fault(graph, graph.perturbed("w"))
    single = module_before(graph, NAME)
    assert apply(single, NAME)
    assert [node.op for node in single.graph.nodes if node.name == "y"] == ["Mul"]


def test_computed_values_that_are_added() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  a = Sub(x, g)  b = Add(g, a)  y = Sub(b, g) }"""
    module = check_compiled(Graph(text))
    assert kept_reasons(module) == {}


@pytest.mark.parametrize("size", ["12,12", "14,14", "7,7"])
@pytest.mark.parametrize("op", ["Add(x, c)", "Sub(c, x)", "Mul(x, x)", "Div(c, x)", "Sum(x, c)"])
def test_block_sizes(size: str, op: str) -> None:
    text = f"(T[N,3,{size}] x) => (T[] y) {{ y = {op} }}"
    module = check_compiled(Graph(text, {"c": FLAT["vector"]}))
    assert (kept_reasons(module) == {}) == (size == "7,7" or op == "Add(x, c)")


def test_block_size_1_stays() -> None:
    graph = Graph("(T[N,3,7,7] x, T[N,3,7,7] z) => (T[] y) { y = Mul(x, z) }")
    assert check_untouched(module_before(graph, NAME), NAME) == {}


def test_declines_products_of_maps() -> None:
    reason = {"y": "a product or quotient of two maps is not linear"}
    for op in ("Mul", "Div"):
        graph = Graph(f"{TWO_MAPS} {{ y = {op}(x, z) }}")
        assert declines(graph, NAME) == reason
        check_compiled(graph, op)


@pytest.mark.parametrize("shape", [(16,), (1, 16), (16, 1), (3, 16, 16), (1, 3, 16, 16)])
@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
def test_declines_values_that_vary(op: str, shape: tuple[int, ...]) -> None:
    graph = Graph(f"{ONE_MAP} {{ y = {op}(x, c) }}", {"c": random_weight("c", shape) + 2.0})
    assert declines(graph, NAME) == {"y": "operand 'c' varies over height and width"}
    check_compiled(graph, op)


def test_declines_a_map_of_one_channel() -> None:
    graph = Graph("(T[N,3,16,16] x, T[N,1,16,16] z) => (T[] y) { y = Mul(x, z) }")
    assert declines(graph, NAME) == {"y": "operand 'z' varies over height and width"}
    check_compiled(graph)


def test_declines_where_every_operand_is_stretched() -> None:
    graph = Graph("(T[N,3,1,16] x, T[N,3,16,1] z) => (T[] y) { y = Add(x, z) }")
    assert declines(graph, NAME) == {"y": "no operand has the shape of the result"}
    check_compiled(graph, "Add")


def test_declines_sums_with_constants() -> None:
    graph = Graph(f"{ONE_MAP} {{ y = Sum(x, c) }}", {"c": FLAT["vector"]})
    assert declines(graph, NAME) == {"y": "Sum of a map and a value that does not vary"}
    check_compiled(graph, "Sum")


@pytest.mark.parametrize("axis", [0, 2, 3, -1])
def test_declines_other_concatenations(axis: int) -> None:
    graph = Graph(f"{TWO_MAPS} {{ y = Concat<axis = {axis}>(x, z) }}")
    assert declines(graph, NAME) == {"y": "it concatenates along height, width or batch"}
    check_compiled(graph, "Concat")


def test_declines_concatenation_with_a_constant() -> None:
    graph = Graph(
        "(T[1,3,16,16] x) => (T[] y) { y = Concat<axis = 1>(x, c) }", {"c": (1, 2, 16, 16)}
    )
    reasons = declines(graph, NAME)
    assert reasons == {"y": "'c' is a constant, not a feature map"}


def test_declines_unknown_shapes() -> None:
    text = """(T[N,3,1,1] x, int64[4] shape) => (T[A,B,C,D] y) {
        z = Reshape(x, shape)  y = Add(x, z) }"""
    reasons = declines(Graph(text), NAME)
    assert reasons == {"y": "the shape of 'y' is not known at compile time"}


def test_vectors_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  f = Flatten(g)  y = Add(f, f) }"""
    assert declines(Graph(text), NAME) == {}


def test_integers_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (int64[] y, T[] z) {
        i = Cast<to = 7>(x)  y = Add(i, i)  z = Relu(x) }"""
    assert declines(Graph(text), NAME) == {}
