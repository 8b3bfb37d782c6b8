"""Maps of rank 5 that contain branches, and vectors of rank 4."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    kept_reasons,
    module_before,
)

NAME = "canonical-branches"
FIVE = np.asarray([0, 2, 3, 16, 16])
ONE, TWO = np.asarray([1]), np.asarray([2])


def branches(body: str, opset: int = 17, **weights: np.ndarray) -> Graph:
    """A graph with b = x as [N, 2, 3, 16, 16], and factors a [N, 2, 3, 1, 1]."""
    text = f"""(T[N,6,16,16] x, T[N,6] s) => (T[] y) {{
        b = Reshape(x, five)  a = Reshape(s, factors)  {body} }}"""
    shapes = {"five": FIVE, "factors": np.asarray([0, 2, 3, 1, 1]), "one": ONE, "two": TWO}
    return Graph(text, {**shapes, **weights}, opset)


@pytest.mark.parametrize(
    "body",
    [
        "m = Mul(b, a)  y = ReduceSum<keepdims = 0>(m, one)",
        "m = Mul(a, b)  y = ReduceMean<axes = [1], keepdims = 0>(m)",
        "y = ReduceMax<axes = [2], keepdims = 0>(b)",
        "r = Relu(b)  y = ReduceMin<axes = [-4], keepdims = 0>(r)",
        "m = Mul(b, c)  n = Add(m, b)  y = Reshape(n, four)",
        "y = Gather<axis = 1>(b, first)",
        "u, v = Split<axis = 1>(b, halves)  m = Sub(u, v)  y = Reshape(m, three)",
        "t = Transpose<perm = [0, 2, 1, 3, 4]>(b)  r = Sigmoid(t)  y = Reshape(r, four)",
        "k = ReduceSum<keepdims = 1>(b, two)  m = Mul(b, k)  y = Reshape(m, four)",
        "c5 = Concat<axis = 1>(b, b)  y = ReduceSum<keepdims = 0>(c5, one)",
    ],
)
def test_branches(body: str) -> None:
    graph = branches(
        body,
        first=np.asarray(0),
        halves=np.asarray([1, 1]),
        four=np.asarray([0, 6, 16, 16]),
        three=np.asarray([0, 3, 16, 16]),
        c=np.linspace(1, 2, 2).reshape(2, 1, 1, 1),
    )
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    made = [tensor for node in module.graph.nodes for tensor in node.outputs]
    assert all(len(t.shape or ()) != 5 or t.shape[3:] == (1, 1) for t in made)


@pytest.mark.parametrize("keep", [0, 1])
def test_the_mean_of_the_plane(keep: int) -> None:
    graph = branches(f"y = ReduceMean<axes = [3, 4], keepdims = {keep}>(b)")
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    assert "JpegGlobalAveragePool" in [node.op for node in module.graph.nodes]


def test_stacked() -> None:
    text = """(T[N,3,16,16] x, T[N,3,16,16] z) => (T[] y) {
        u = Unsqueeze(x, one)  v = Unsqueeze(z, one)  b = Concat<axis = 1>(u, v)
        y = ReduceSum<keepdims = 0>(b, one) }"""
    graph = Graph(text, {"one": ONE})
    check_pass(graph, NAME, "Concat Gather Gather Add Identity")
    assert kept_reasons(check_compiled(graph)) == {}
    check_fault(graph, graph.with_text("Concat<axis = 1>(u, v)", "Concat<axis = 1>(u, u)"))


def test_what_has_no_rule_stays() -> None:
    graph = branches("y = CumSum(b, at)", at=np.asarray(1))
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    check_compiled(graph)


def test_softmax_over_the_radix() -> None:
    """Vectors [N, 1, 2, 8] have no height and width."""
    text = """(T[N,16,16,16] x) => (T[] y) {
        g = ReduceMean<axes = [2, 3], keepdims = 1>(x)  v = Reshape(g, parts)
        t = Transpose<perm = [0, 2, 1, 3]>(v)  p = Softmax<axis = 1>(t)  f = Reshape(p, row)
        a = Reshape(f, factors)  y = Mul(x, a) }"""
    weights = {
        "parts": np.asarray([0, 1, 2, 8]),
        "row": np.asarray([0, -1]),
        "factors": np.asarray([0, -1, 1, 1]),
    }
    assert kept_reasons(check_compiled(Graph(text, weights))) == {}
