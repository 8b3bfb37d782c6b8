"""Factors that a graph expands explicitly before arithmetic with broadcasting."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    Weights,
    apply,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    kept_reasons,
    module_before,
    outline_of,
)

NAME = "drop-expand"


def gated(body: str, op: str = "Mul", batch: str = "N", opset: int = 13) -> Graph:
    """A map times its expanded mean; `s` is the shape of the map."""
    text = f"""(T[{batch},4,16,24] x) => (T[A,B,C,D] y) {{ m = GlobalAveragePool(x)  s = Shape(x)
        {body}  y = {op}(x, e) }}"""
    weights = {
        "plane": np.asarray([1, 1, 16, 24]),
        "ones": np.asarray([1, 1, 1, 1]),
        "more": np.asarray([1, 1, 1, 1, 1]),
    }
    used = {name: value for name, value in weights.items() if name in body}
    return Graph(text, used, opset)


@pytest.mark.parametrize("batch", ["N", "1"])
@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize(
    "body",
    ["e = Expand(m, s)", "e = Expand(m, plane)", "e = Tile(m, plane)"],
)
def test_dropped(body: str, op: str, batch: str) -> None:
    graph = gated(body, op, batch)
    module = module_before(graph, NAME)
    assert apply(module, NAME)
    assert outline_of(module) == f"GlobalAveragePool {op}"
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    assert module.dynamic_batch


def test_values_stay() -> None:
    check_pass(gated("e = Expand(m, plane)"), NAME, "GlobalAveragePool Mul")
    graph = gated("e = Expand(m, plane)")
    check_fault(graph, graph.with_text("GlobalAveragePool", "GlobalMaxPool"))


def test_several_readers() -> None:
    text = """(T[N,4,16,24] x) => (T[] y) { m = GlobalAveragePool(x)  e = Expand(m, plane)
        a = Mul(x, e)  r = Relu(a)  y = Add(e, r) }"""
    graph = Graph(text, {"plane": np.asarray([1, 1, 16, 24])})
    check_pass(graph, NAME, "GlobalAveragePool Mul Relu Add")
    assert kept_reasons(check_compiled(graph)) == {}


@pytest.mark.parametrize(
    "body",
    [
        "e = Expand(m, more)",
        "e = Expand(m, ones)",
        "k = Relu(x)  e = Tile(k, ones)",
    ],
)
def test_expansions_that_are_none(body: str) -> None:
    """Expand stays if it determines the shape of the result."""
    graph = gated(body)
    if "more" in body:
        graph = graph.with_text("T[A,B,C,D]", "T[A,B,C,D,E]")
        assert check_untouched(module_before(graph, NAME), NAME) == {}
        return
    module = module_before(graph, NAME)
    assert apply(module, NAME) == ("Tile" in body)
    check_compiled(graph)


def test_repeated_tensors_stay() -> None:
    text = """(T[N,4,16,24] x, T[N,4,8,24] z) => (T[] y) {
        e = Tile(z, twice)  y = Mul(x, e) }"""
    graph = Graph(text, {"twice": np.asarray([1, 1, 2, 1])})
    assert check_untouched(module_before(graph, NAME), NAME) == {}


@pytest.mark.parametrize(
    ("nodes", "outputs"),
    [
        ("y = Mul(x, e)", "T[] y, T[] e"),
        ("y = Mul(x, e)  z = Relu(e)", "T[] y, T[] z"),
        ("y = Mul(e, e)", "T[] y"),
        ("y = Mul(m, e)", "T[] y"),
        ("y = Max(x, e)", "T[] y"),
    ],
)
def test_what_needs_the_whole_shape_stays(nodes: str, outputs: str) -> None:
    text = f"""(T[N,4,16,24] x) => ({outputs}) {{
        m = GlobalAveragePool(x)  e = Expand(m, plane)  {nodes} }}"""
    graph = Graph(text, {"plane": np.asarray([1, 1, 16, 24])})
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    check_compiled(graph)


def test_two_expansions_of_which_one_gives_the_shape() -> None:
    text = """(T[N,4,16,24] x) => (T[] y) { m = GlobalAveragePool(x)  e = Expand(m, plane)
        f = Expand(m, plane)  y = Mul(e, f) }"""
    graph = Graph(text, {"plane": np.asarray([1, 1, 16, 24])})
    check_pass(graph, NAME, "GlobalAveragePool Expand Mul")


def test_shapes_that_are_not_known_stay() -> None:
    text = """(T[N,4,16,24] x, int64[4] s) => (T[A,B,C,D] y) {
        m = GlobalAveragePool(x)  e = Expand(m, s)  y = Mul(x, e) }"""
    assert check_untouched(module_before(Graph(text), NAME), NAME) == {}


# Efficient channel attention: x.mean((2, 3)).unsqueeze(1) -> Conv1d -> sigmoid -> expand_as.
ATTENTION = """(T[BATCH,4,16,24] x) => (T[A,B,C,D] y) {
    m = ReduceMean<axes = [2, 3], keepdims = 0>(x)  row = Unsqueeze(m, one)
    c = Conv<kernel_shape = [3], pads = [1, 1]>(row, w)  g = Sigmoid(c)
    t = Transpose<perm = [0, 2, 1]>(g)  u = Unsqueeze(t, last)  s = Shape(x)
    e = Expand(u, s)  y = Mul(x, e) }"""


@pytest.mark.parametrize("batch", ["N", "1"])
def test_channel_attention(batch: str) -> None:
    weights: Weights = {"one": np.asarray([1]), "last": np.asarray([-1]), "w": (1, 1, 3)}
    graph = Graph(ATTENTION.replace("BATCH", batch), weights)
    module = check_compiled(
        graph,
        "ToJpeg JpegGlobalAveragePool Flatten Unsqueeze Conv Sigmoid Transpose Unsqueeze"
        " JpegScale ToSpatial",
    )
    assert kept_reasons(module) == {}
    assert module.dynamic_batch
