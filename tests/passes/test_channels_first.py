"""Channels-last inputs: the transpose moves in front of the arithmetic on the image."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    Weights,
    apply,
    assert_differs,
    assert_same,
    check_compiled,
    check_fault,
    check_untouched,
    evaluate,
    feeds_of,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
    random_weight,
)

from jpegcompile.backends.emit import emit

NAME = "channels-first"
LAST = "(T[N,16,12,3] x) => (T[] y)"
TURN = "Transpose<perm = [0, 3, 1, 2]>"
NORMALIZED = f"""{LAST} {{
    d = Div(x, scale)  s = Sub(d, mean)  t = {TURN}(s)  y = Conv(t, w) }}"""
WEIGHTS: Weights = {"scale": np.asarray(2.0), "mean": (3,), "w": (2, 3, 3, 3)}
GRAPH = Graph(NORMALIZED, WEIGHTS)


def test_moves_in_front_of_a_chain() -> None:
    module = module_before(GRAPH, NAME)
    assert apply(module, NAME)
    assert outline_of(module) == "Transpose Div Sub Conv"
    transpose = module.graph.nodes[0]
    assert transpose.inputs[0].name == "x"
    feeds = feeds_of(GRAPH.model())
    assert_same(evaluate(emit(module), feeds), evaluate(GRAPH.model(), feeds))
    for name in ("mean", "w"):
        faulty = GRAPH.perturbed(name).model()
        assert_differs(evaluate(emit(module), feeds), evaluate(faulty, feeds))


def test_compiled_with_a_tensor_as_input() -> None:
    module = check_compiled(GRAPH)
    assert outline_of(module) == "Transpose ToJpeg Div JpegSub JpegConv ToSpatial"
    assert kept_reasons(module) == {}
    assert module.image.layout == "NHWC"
    check_fault(GRAPH, GRAPH.perturbed("mean"), GRAPH.perturbed("w"))


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize(
    "shape", [(), (1,), (3,), (1, 3), (12, 3), (1, 1, 1, 3), (16, 12, 1), (12, 1)]
)
@pytest.mark.parametrize("swapped", [False, True])
def test_constants_of_every_shape(op: str, shape: tuple[int, ...], swapped: bool) -> None:
    operands = "c, x" if swapped else "x, c"
    text = f"{LAST} {{ a = {op}({operands})  y = {TURN}(a) }}"
    graph = Graph(text, {"c": np.asarray(random_weight("c", shape) + 3.0)})
    module = module_before(graph, NAME)
    assert apply(module, NAME)
    assert outline_of(module) == f"Transpose {op}"
    feeds = feeds_of(graph.model())
    assert_same(evaluate(emit(module), feeds), evaluate(graph.model(), feeds))


@pytest.mark.parametrize(
    "body",
    [
        f"a = Exp(x)  y = {TURN}(a)",
        f"a = Add(x, x)  y = {TURN}(a)",
        f"a = Add(x, m)  b = Relu(a)  y = {TURN}(b)",
        "a = Add(x, m)  y = Transpose<perm = [0, 2, 1, 3]>(a)",
        "a = Add(x, m)  y = Transpose(a)",
        f"y = {TURN}(x)",
    ],
)
def test_what_stays(body: str) -> None:
    graph = Graph(f"{LAST} {{ {body} }}", {"m": (3,)})
    assert check_untouched(module_before(graph, NAME), NAME) == {}


@pytest.mark.parametrize("outputs", ["T[] y, T[] a", "T[] y, T[] z"])
def test_what_others_read_stays(outputs: str) -> None:
    text = f"(T[N,16,12,3] x) => ({outputs}) {{ a = Add(x, m)  y = {TURN}(a)  z = Exp(a) }}"
    graph = Graph(text, {"m": (3,)})
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    check_compiled(graph)


def test_a_constant_that_widens_the_image() -> None:
    """One channel minus three means."""
    text = f"(T[N,16,12,1] x) => (T[] y) {{ a = Sub(x, m)  y = {TURN}(a) }}"
    check_compiled(Graph(text, {"m": (3,)}))


def test_a_channels_last_image_without_transpose() -> None:
    """Its maps are read as NCHW of three columns: nothing is lowered, the values stay."""
    graph = Graph(f"{LAST} {{ y = Exp(x) }}")
    module = lowered(graph)
    assert outline_of(module) == "Exp"


def test_the_layout_is_that_of_a_picture() -> None:
    for size, layout in (("16,12,3", "NHWC"), ("3,16,3", "NCHW"), ("1,16,16", "NCHW")):
        graph = Graph(f"(T[N,{size}] x) => (T[] y) {{ y = Relu(x) }}")
        assert lowered(graph).image.layout == layout
