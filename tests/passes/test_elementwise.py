"""Arithmetic between maps, and between maps and values that are constant over the plane."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    apply,
    assert_same,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    evaluate,
    feeds_of,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
    random_weight,
)

from jpegcompile.backends.emit import emit

TWO_MAPS = "(T[N,3,16,16] x, T[N,3,16,16] z) => (T[] y) "
ONE_MAP = "(T[N,3,16,16] x) => (T[] y) "
NAME = "lower-elementwise"

BOUNDS: dict[str, np.ndarray] = {"c": np.asarray(-0.5), "d": np.asarray([0.75])}
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
    op = "JpegScale" if kind == "map" else "Mul"
    check_compiled(constant("Mul", kind, swapped=True), f"ToJpeg {op} ToSpatial")


@pytest.mark.parametrize("kind", list(FLAT))
def test_a_map_as_second_operand(kind: str) -> None:
    """A difference becomes a sum with the negative; a quotient becomes a per-pixel function."""
    check_compiled(constant("Sub", kind, swapped=True), "ToJpeg Neg JpegAdd ToSpatial")
    graph = Graph(
        f"{ONE_MAP} {{ e = Exp(x)  a = Add(c, e)  y = Div(c, a) }}",
        {"c": np.asarray(np.abs(FLAT[kind]) + 0.5)},
    )
    operators = outline_of(check_compiled(graph)).split()
    assert [operator.split("_")[0] for operator in operators] == [
        "ToJpeg",
        "JpegPointwise",
        "ToSpatial",
    ]
    check_fault(graph, graph.perturbed("c"))


def test_declines_a_computed_value_divided_by_a_map() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  e = Exp(x)  y = Div(g, e) }"""
    reasons = kept_reasons(check_compiled(Graph(text)))
    assert reasons["y"] == "map-is-second-operand"


@pytest.mark.parametrize("opset", [7, 13])
def test_squeeze_and_excite(opset: int) -> None:
    """A factor that is computed from the map, one value for each channel."""
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
@pytest.mark.parametrize("op", ["Add(x, c)", "Sub(c, x)", "Mul(x, x)", "Sum(x, c)", "Neg(x)"])
def test_block_sizes(size: str, op: str) -> None:
    text = f"(T[N,3,{size}] x) => (T[] y) {{ y = {op} }}"
    module = check_compiled(Graph(text, {"c": FLAT["vector"]}))
    assert kept_reasons(module) == {}


def test_block_size_1_stays() -> None:
    graph = Graph("(T[N,3,7,7] x, T[N,3,7,7] z) => (T[] y) { y = Mul(x, z) }")
    assert check_untouched(module_before(graph, NAME), NAME) == {}


def test_declines_quotients_of_maps() -> None:
    graph = Graph(f"{TWO_MAPS} {{ y = Div(x, z) }}")
    assert declines(graph, NAME) == {"y": "product-of-maps"}
    check_compiled(graph, "Div")


VARYING = [(16,), (1, 16), (16, 1), (3, 16, 16), (1, 3, 16, 16)]


@pytest.mark.parametrize("shape", VARYING)
@pytest.mark.parametrize("op", ["Add", "Sub"])
def test_constants_that_vary_are_transformed(op: str, shape: tuple[int, ...]) -> None:
    """For instance a mean image that is subtracted from every image."""
    graph = Graph(f"{ONE_MAP} {{ y = {op}(x, c) }}", {"c": random_weight("c", shape) + 2.0})
    check_pass(graph, NAME, f"ToJpeg {op} ToSpatial")
    check_compiled(graph)
    check_fault(graph, graph.perturbed("c"))
    swapped = graph.with_text("x, c", "c, x")
    check_compiled(swapped, "ToJpeg Add ToSpatial" if op == "Add" else "ToJpeg Neg Add ToSpatial")


@pytest.mark.parametrize("shape", VARYING)
def test_declines_divisors_that_vary(shape: tuple[int, ...]) -> None:
    graph = Graph(f"{ONE_MAP} {{ y = Div(x, c) }}", {"c": random_weight("c", shape) + 2.0})
    assert declines(graph, NAME) == {"y": "operand-varies-over-plane"}
    check_compiled(graph, "Div")


def test_declines_a_constant_for_each_image() -> None:
    graph = Graph("(T[N,3,16,16] x) => (T[] y) { y = Add(x, c) }", {"c": (2, 3, 16, 16)})
    assert declines(graph, NAME) == {"y": "no-operand-of-result-shape"}


def test_declines_a_map_of_one_channel() -> None:
    graph = Graph("(T[N,3,16,16] x, T[N,1,16,16] z) => (T[] y) { y = Add(x, z) }")
    assert declines(graph, NAME) == {"y": "operand-varies-over-plane"}
    check_compiled(graph)


def test_declines_where_every_operand_is_stretched() -> None:
    graph = Graph("(T[N,3,1,16] x, T[N,3,16,1] z) => (T[] y) { y = Add(x, z) }")
    assert declines(graph, NAME) == {"y": "no-operand-of-result-shape"}
    check_compiled(graph, "Add")


def test_sums_with_constants() -> None:
    graph = Graph(f"{TWO_MAPS} {{ y = Sum(x, c, z, d) }}", {"c": FLAT["vector"], "d": (16, 16)})
    check_compiled(graph, "ToJpeg ToJpeg Sum JpegAdd Add ToSpatial")
    check_fault(graph, graph.perturbed("c"), graph.perturbed("d"))


@pytest.mark.parametrize("opset", [8, 10, 11, 13])
def test_the_larger_and_the_smaller_of_a_map_and_a_number(opset: int) -> None:
    graph = Graph(f"{ONE_MAP} {{ l = Max(x, c)  y = Min(d, l) }}", BOUNDS, opset)
    check_pass(graph, "canonical-arithmetic", "Clip Clip")
    check_compiled(graph, "ToJpeg JpegClip JpegClip ToSpatial")
    check_fault(graph, graph.perturbed("c"), graph.perturbed("d"))
    rectified = Graph(f"{ONE_MAP} {{ y = Max(x, c) }}", {"c": np.zeros(1)}, opset)
    check_compiled(rectified, "ToJpeg JpegRelu ToSpatial")


def test_a_bound_that_no_attribute_holds_is_an_operand() -> None:
    """Attributes are float32, but this graph is float64."""
    graph = Graph(f"{ONE_MAP} {{ y = Max(x, c) }}", {"c": np.asarray(0.1)}, 10)
    assert "JpegPointwise" in outline_of(check_compiled(graph))
    assert outline_of(lowered(graph, "float")) == "ToJpeg JpegClip ToSpatial"


@pytest.mark.parametrize("axis", [0, 2, 3, -1])
def test_declines_other_concatenations(axis: int) -> None:
    graph = Graph(f"{TWO_MAPS} {{ y = Concat<axis = {axis}>(x, z) }}")
    assert declines(graph, NAME) == {"y": "concat-outside-channels"}
    check_compiled(graph, "Concat")


def test_concatenation_with_a_constant() -> None:
    """The batch size stays 1, since the constant has one image."""
    graph = Graph(
        "(T[1,3,16,16] x) => (T[] y) { y = Concat<axis = 1>(x, c) }", {"c": (1, 2, 16, 16)}
    )
    check_pass(graph, NAME, "ToJpeg Concat ToSpatial")
    assert_same(
        evaluate(emit(lowered(graph)), feeds_of(graph.model())),
        evaluate(graph.model(), feeds_of(graph.model())),
    )


def test_declines_unknown_shapes() -> None:
    text = """(T[N,3,1,1] x, int64[4] shape) => (T[A,B,C,D] y) {
        z = Reshape(x, shape)  y = Add(x, z) }"""
    reasons = declines(Graph(text), NAME)
    assert reasons == {"y": "map-shape-unknown"}


def test_vectors_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  f = Flatten(g)  y = Add(f, f) }"""
    assert declines(Graph(text), NAME) == {}


def test_integers_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (int64[] y, T[] z) {
        i = Cast<to = 7>(x)  y = Add(i, i)  z = Relu(x) }"""
    assert declines(Graph(text), NAME) == {}
