"""Values of chains of operators on shapes, with a symbolic batch, and unknown values."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import Graph, Weights, module_before, module_of

from jpegcompile.analysis.shape_values import reshape_target, shape_values

NUMBERS: Weights = {
    "zero": np.asarray(0),
    "last": np.asarray([-1]),
    "ends": np.asarray([0, 3]),
    "one": np.asarray([1]),
    "two": np.asarray([2]),
    "far": np.asarray([9]),
    "square": np.asarray([[1, 2], [3, 4]]),
    "half": np.asarray([0.5]),
    "quarter": np.asarray([0.25], np.float32),
    "pair": np.asarray([2, 2]),
    "all": np.asarray([-1]),
    "minus": np.asarray([-7]),
    "four": np.asarray([4]),
    "endless": np.asarray([np.inf]),
    "growth": np.asarray([1, 1, 2, 2]),
    "grown": np.asarray([1, 1, 0.7, 2.5], np.float32),
}


def values_of(body: str, opset: int = 17) -> list[int | str] | None:
    text = f"(T[N,3,16,12] x, int64[2] given) => (int64[A] y) {{ s = Shape(x)  {body} }}"
    module = module_of(Graph(text, NUMBERS, opset))
    return shape_values(module.graph.tensors()["y"])


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ("y = Identity(s)", ["N", 3, 16, 12]),
        ("y = Shape<start = -2>(x)", [16, 12]),
        ("y = Gather(s, ends)", ["N", 12]),
        ("y = Gather(s, last)", [12]),
        ("y = Slice(s, one, last)", [3, 16]),
        ("y = Slice(s, one, far)", [3, 16, 12]),
        ("y = Slice(s, one, far, , two)", [3, 12]),
        (
            "a = Slice(s, one, two)  b = Gather(s, last)  y = Concat<axis = 0>(b, a, last)",
            [12, 3, -1],
        ),
        ("a = Cast<to = 6>(s)  y = Cast<to = 7>(a)", ["N", 3, 16, 12]),
        ("y = Cast<to = 7>(half)", [0]),
        ("y = Mul(s, growth)", ["N", 3, 32, 24]),
        ("y = Mul(one, s)", ["N", 3, 16, 12]),
        ("y = Div(s, one)", ["N", 3, 16, 12]),
        ("y = Sub(s, zero)", ["N", 3, 16, 12]),
        ("y = Add(zero, s)", ["N", 3, 16, 12]),
        ("a = Slice(s, one, far)  y = Div(a, four)", [0, 4, 3]),
        ("a = Gather(s, last)  y = Sub(two, a)", [-10]),
        ("y = Div(minus, four)", [-1]),
        (
            "f = Cast<to = 1>(s)  g = Mul(f, grown)  h = Floor(g)  y = Cast<to = 7>(h)",
            ["N", 3, 11, 30],
        ),
        (
            "f = Cast<to = 1>(s)  g = Mul(f, grown)  h = Ceil(g)  y = Cast<to = 7>(h)",
            ["N", 3, 12, 30],
        ),
        ("a = Gather(s, last)  y = Reshape(a, all)", [12]),
    ],
)
def test_known(body: str, values: list[int | str]) -> None:
    assert values_of(body) == values


def test_slices_below_opset_10() -> None:
    assert values_of("y = Slice<starts = [1], ends = [3]>(s)", 9) == [3, 16]


@pytest.mark.parametrize(
    "body",
    [
        "y = Identity(given)",
        "y = Abs(s)",
        "y = Gather(given, one)",
        "y = Gather(s, given)",
        "y = Gather(square, zero)",
        "y = Gather<axis = 1>(square, zero)",
        "y = Concat<axis = 0>(s, given)",
        "y = Slice(given, one, two)",
        "a = Slice(given, one, two)  y = Slice(s, a, two)",
        "f = Cast<to = 1>(s)  g = Mul(f, quarter)  y = Cast<to = 7>(g)",
        "b = Cast<to = 9>(s)  y = Cast<to = 7>(b)",
        "y = Mul(s, two)",
        "y = Sub(one, s)",
        "y = Div(one, s)",
        "a = Gather(s, one)  y = Div(a, zero)",
        "a = Slice(s, one, last)  y = Add(a, given)",
        "a = Reshape(s, pair)  y = Reshape(a, all)",
        "f = Cast<to = 1>(given)  g = Floor(f)  y = Cast<to = 7>(g)",
        "y = Cast<to = 7>(endless)",
    ],
)
def test_not_known(body: str) -> None:
    assert values_of(body) is None


def test_indices_out_of_range_are_not_known() -> None:
    """Strict shape inference does not check values, so these models reach the evaluation."""
    text = "(T[N,3,16,12] x) => (int64[A] y) { s = Shape(x)  y = Gather(s, far) }"
    module = module_of(Graph(text, {"far": np.asarray([1])}))
    module.graph.nodes[1].inputs[1].values = np.asarray([9])
    assert shape_values(module.graph.tensors()["y"]) is None


@pytest.mark.parametrize(
    ("source", "target", "result"),
    [
        ("N,2,8,8", [0, -1], ["N", 128]),
        ("N,2,8,8", [-1, 128], ["N", 128]),
        ("N,2,8,8", [0, 0, 64], ["N", 2, 64]),
        ("N,2,8,8", [-1, 64], None),
        ("3,2,8,8", [-1, 64], [6, 64]),
        ("3,2,8,8", [3, 128], [3, 128]),
        ("N,M,8,8", [0, -1], None),
        ("N,M,8,8", [0, 0, -1], ["N", "M", 64]),
    ],
)
def test_reshape_targets(source: str, target: list[int], result: list[int | str] | None) -> None:
    text = f"(T[1,3,8,8] x, T[{source}] z) => (T[] y) {{ y = Reshape(z, target) }}"
    graph = Graph(text, {"target": np.asarray(target)})
    (node,) = module_before(graph, "canonical-reshape").graph.nodes
    assert reshape_target(node) == result


def test_a_target_with_two_unknowns() -> None:
    text = "(T[N,2,8,8] x) => (T[A,B] y) { y = Reshape(x, target) }"
    (node,) = module_of(Graph(text, {"target": np.asarray([0, -1])})).graph.nodes
    node.inputs[1].values = np.asarray([-1, -1])
    assert reshape_target(node) is None
