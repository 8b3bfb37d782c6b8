"""Deep and wide graphs compile in linear time and without deep recursion."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from support.codes import refused
from support.graphs import (
    Graph,
    Weights,
    apply,
    assert_same,
    feeds_of,
    module_of,
    outline_of,
    pass_named,
    run_float32,
)
from support.refusals import refused_model

import jpegcompile
from jpegcompile.analysis.shape_values import shape_values
from jpegcompile.errors import InternalError, UnsupportedModelError
from jpegcompile.ir.fixed_point import FixedPoint
from jpegcompile.ir.ordered import OrderedGraph

CONVOLUTION = "a0 = Conv<pads = [1, 1, 1, 1]>(x, w)"


def chain(count: int, step: str, **weights: Any) -> Graph:
    """A convolution and a chain of `count` nodes; `step` is a format of input and output names."""
    body = "  ".join(step.format(f"a{i}", f"a{i + 1}", i) for i in range(count))
    text = f"(T[N,3,8,8] x) => (T[N,4,8,8] y) {{ {CONVOLUTION}  {body}  y = Identity(a{count}) }}"
    return Graph(text, {"w": (4, 3, 3, 3), **weights})


@pytest.fixture
def shallow_stack() -> Iterator[None]:
    """Recursion with one frame for each node would fail on these chains."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(600)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("shallow_stack")
@pytest.mark.parametrize(
    ("step", "count"),
    [
        ("{1} = Relu({0})", 350),
        ("{1} = Tanh({0})", 350),
        ("c{2} = Conv({0}, v)  r{2} = Relu(c{2})  {1} = Add(r{2}, {0})", 125),
        ("{1} = Slice({0}, begin, end)", 150),
        ("{1} = Floor({0})", 350),
    ],
)
def test_chains(step: str, count: int) -> None:
    graph = chain(
        count,
        step,
        v=np.eye(4).reshape(4, 4, 1, 1) / 1000,
        begin=np.asarray([0, 0]),
        end=np.asarray([99, 99]),
    )
    model = graph.model("float")
    started = time.process_time()
    compiled = jpegcompile.compile(model, input="tensor").model
    # Quadratic time was 15 seconds; linear time is one second.
    assert time.process_time() - started < 8
    feeds = feeds_of(model)
    assert_same(run_float32(compiled, feeds), run_float32(model, feeds))


def test_many_branches_that_meet() -> None:
    count = 400
    body = "  ".join(f"a{i} = Conv(x, w)" for i in range(count))
    names = ", ".join(f"a{i}" for i in range(count))
    text = f"(T[N,3,8,8] x) => (T[N,K,8,8] y) {{ {body}  y = Concat<axis = 1>({names}) }}"
    model = Graph(text, {"w": (1, 3, 1, 1)}).model("float")
    started = time.monotonic()
    compiled = jpegcompile.compile(model, input="tensor").model
    assert time.monotonic() - started < 30
    feeds = feeds_of(model)
    assert_same(run_float32(compiled, feeds), run_float32(model, feeds))


def values_of(body: str, **weights: Any) -> list[int | str] | None:
    text = f"(T[N,3,16,12] x) => (int64[A] y) {{ s0 = Shape<start = 1>(x)  {body} }}"
    return shape_values(module_of(Graph(text, weights)).graph.tensors()["y"])


def row(count: int, step: str) -> str:
    return "  ".join(step.format(f"s{i}", f"s{i + 1}") for i in range(count))


@pytest.mark.usefixtures("shallow_stack")
def test_values_are_computed_once_each() -> None:
    """A chain of sums of a tensor with itself has 2^40 paths."""
    doubled = [value * 2**40 for value in (3, 16, 12)]
    assert values_of(f"{row(40, '{1} = Add({0}, {0})')}  y = Identity(s40)") == doubled
    zero = np.asarray(0)
    body = f"{row(2000, '{1} = Add({0}, zero)')}  y = Identity(s2000)"
    assert values_of(body, zero=zero) == [3, 16, 12]


@pytest.mark.parametrize("step", ["{1} = Mul({0}, {0})", "{1} = Concat<axis = 0>({0}, {0})"])
def test_values_that_grow_without_bound_are_not_known(step: str) -> None:
    assert values_of(f"{row(10, step)}  y = Identity(s10)") is None


def test_a_long_constant_is_no_shape() -> None:
    ones = np.ones(257, np.int64)
    assert values_of("y = Gather(table, place)", table=ones, place=np.asarray([3])) is None
    assert values_of("y = Gather(table, place)", table=ones[:256], place=np.asarray([3])) == [1]


def test_the_order_is_that_of_graphsurgeon() -> None:
    text = """(T[N,3,8,8] x, bool c) => (T[N,3,8,8] y, T[N,3,8,8] z) {
        a = Relu(x)  b = Neg(x)  d = Add(b, a)  e = Abs(a)  h = Exp(e)  z = Mul(d, h)
        y = If(c) <then_branch = g () => (double[N,3,8,8] p) { p = Sub(d, e) },
                   else_branch = k () => (double[N,3,8,8] q) { q = Identity(h) }> }"""
    for seed in range(8):
        ours, theirs = (module_of(Graph(text, {})).graph for _ in range(2))
        order = np.random.default_rng(seed).permutation(len(ours.nodes))
        hanging = gs.Node("Neg", "hanging", {}, [ours.inputs[0]], [gs.Variable("nobody")])
        ours.nodes = [*(ours.nodes[i] for i in order), hanging]
        theirs.nodes = [theirs.nodes[i] for i in order]
        gs.Graph.cleanup(theirs)
        gs.Graph.toposort(theirs)
        ours.cleanup().toposort()
        assert [node.name for node in ours.nodes] == [node.name for node in theirs.nodes]
        assert not hanging.inputs
        assert hanging not in ours.inputs[0].outputs


def test_a_graph_with_a_loop() -> None:
    graph = module_of(chain(3, "{1} = Relu({0})")).graph
    graph.nodes[1].inputs = [graph.nodes[3].outputs[0]]
    with pytest.raises(ValueError, match="depends on itself"):
        OrderedGraph.of(graph).toposort()


def test_resolve_shapes_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FixedPoint, "_once", lambda *_: True)
    module = module_of(chain(3, "{1} = Relu({0})"))
    with refused("passes-do-not-settle", InternalError) as caught:
        pass_named("resolve-shapes").run(module)
    assert "resolve-shapes" in str(caught.value)
    assert "16 rounds" in str(caught.value)


def test_windows_between_slices_are_checked_in_turn() -> None:
    """The second window is larger than its map, which the first Slice has cropped."""
    text = """(T[N,3,16,16] x) => (T[N,3,A,B] y) { a = Conv(x, v)  s = Slice(a, zero, four, axis)
        c = Conv(s, w)  y = Slice(c, zero, four, axis) }"""
    weights: Weights = {"v": (3, 3, 3, 3), "w": (3, 3, 5, 5), "zero": np.asarray([0])}
    graph = Graph(text, {**weights, "four": np.asarray([4]), "axis": np.asarray([2])})
    model = graph.model("float")
    message = refused_model("window-exceeds-padded-map", UnsupportedModelError, model)
    assert "Conv 'c'" in message


def test_casts_of_one_map_are_one() -> None:
    text = """(T[N,3,8,8] x) => (T[N,4,8,8] y, T[N,4,8,8] z) {
        a = Conv(x, w)  y = Conv(x, w)  z = Relu(a) }"""
    module = module_of(Graph(text, {"w": (4, 3, 1, 1)}))
    for name in ("infer-shapes", "assign-blocks", "lower-conv", "lower-relu"):
        pass_named(name).run(module)
    assert outline_of(module).count("ToJpeg") == 3
    assert apply(module, "cancel-casts")
    assert outline_of(module).count("ToJpeg") == 1
