"""Channels-last images get one transpose after the input; the rest of the graph is NCHW."""

from __future__ import annotations

import numpy as np
import pytest
from support.coefficient_models import check_coefficients
from support.graphs import (
    Graph,
    Weights,
    apply,
    assert_differs,
    assert_same,
    check_compiled,
    check_fault,
    check_pass,
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
    ("body", "outline"),
    [
        (f"a = Exp(x)  y = {TURN}(a)", "Transpose Exp"),
        (f"a = Add(x, x)  y = {TURN}(a)", "Transpose Add"),
        (f"a = Add(x, m)  b = Relu(a)  y = {TURN}(b)", "Transpose Add Relu"),
        ("a = Add(x, m)  y = Transpose<perm = [0, 2, 1, 3]>(a)", "Transpose Add Transpose"),
        ("a = Add(x, m)  y = Transpose(a)", "Transpose Add Transpose"),
        ("y = Exp(x)", "Transpose Exp Transpose"),
        (f"y = {TURN}(x)  z = {TURN}(x)", "Transpose Identity"),
        (f"y = {TURN}(x)  z = Relu(x)", "Transpose Relu Transpose"),
    ],
)
def test_begins_at_one_transpose_of_the_image(body: str, outline: str) -> None:
    outputs = "T[] y, T[] z" if "z =" in body else "T[] y"
    graph = Graph(f"(T[N,16,12,3] x) => ({outputs}) {{ {body} }}", {"m": (3,)})
    check_pass(graph, NAME, outline)
    check_compiled(graph)


def test_what_cannot_be_turned_reads_the_image_behind_the_same_transpose() -> None:
    text = f"""(T[N,16,12,3] x) => (T[] y, T[] z) {{
        a = Relu(x)  y = {TURN}(a)  z = DepthToSpace<blocksize = 1>(x) }}"""
    check_pass(Graph(text), NAME, "Transpose Relu Transpose DepthToSpace")
    check_coefficients(Graph(text), preprocess="none")


@pytest.mark.parametrize(
    "body", ["y = DepthToSpace<blocksize = 1>(x)", f"y = {TURN}(x)", "y = Transpose(x)"]
)
def test_what_stays(body: str) -> None:
    graph = Graph(f"{LAST} {{ {body} }}")
    assert check_untouched(module_before(graph, NAME), NAME) == {}


@pytest.mark.parametrize("outputs", ["T[] y, T[] a", "T[] y, T[] z"])
def test_what_others_read_as_well(outputs: str) -> None:
    text = f"(T[N,16,12,3] x) => ({outputs}) {{ a = Add(x, m)  y = {TURN}(a)  z = Exp(a) }}"
    check_compiled(Graph(text, {"m": (3,)}))


def test_a_constant_that_widens_the_image() -> None:
    """One channel minus three means."""
    text = f"(T[N,16,12,1] x) => (T[] y) {{ a = Sub(x, m)  y = {TURN}(a) }}"
    check_compiled(Graph(text, {"m": (3,)}))


def test_a_channels_last_image_without_transpose() -> None:
    module = lowered(Graph("(T[N,16,16,3] x) => (T[] y) { y = Relu(x) }"))
    assert outline_of(module) == "Transpose ToJpeg JpegRelu ToSpatial Transpose"
    assert kept_reasons(module) == {}


def test_the_layout_is_that_of_a_picture() -> None:
    for size, layout in (("16,12,3", "NHWC"), ("3,16,3", "NCHW"), ("1,16,16", "NCHW")):
        graph = Graph(f"(T[N,{size}] x) => (T[] y) {{ y = Relu(x) }}")
        assert lowered(graph).image.layout == layout
