"""Selections of channels in every form, and permutations that are folded into weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.graphs import (
    Array,
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    kept_reasons,
    module_before,
)

NAME = "canonical-gather"
FOLD = "fold-channel-order"


def picked(body: str, opset: int = 17, shape: str = "4,8,16", **weights: object) -> Graph:
    arrays: dict[str, Array] = {name: np.asarray(values) for name, values in weights.items()}
    return Graph(f"(T[N,{shape}] x) => (T[] y) {{ {body} }}", arrays, opset)


@pytest.mark.parametrize("opset", [12, 13, 20])
@pytest.mark.parametrize("indices", [[[2], [1], [0]], [[3], [-1], [0], [0]], [[1]]])
def test_gather_nd_between_transposes(indices: list[list[int]], opset: int) -> None:
    """x[:, [2, 1, 0]] as the dynamo exporter writes it."""
    body = """t = Transpose<perm = [1, 0, 2, 3]>(x) g = GatherND(t, i)
        y = Transpose<perm = [1, 0, 2, 3]>(g)"""
    graph = picked(body, opset, i=indices)
    check_pass(graph, NAME, "Gather")
    assert kept_reasons(check_compiled(graph, "ToJpeg Gather ToSpatial")) == {}
    check_fault(graph, picked(body, opset, i=[[2] for _ in indices]))


def test_other_permutations() -> None:
    body = """t = Transpose<perm = [1, 2, 3, 0]>(x) g = GatherND(t, i)
        y = Transpose<perm = [3, 0, 1, 2]>(g)"""
    check_compiled(picked(body, i=[[2], [0]]), "ToJpeg Gather ToSpatial")
    body = """t = Transpose<perm = [2, 3, 1, 0]>(x) g = Gather<axis = 2>(t, i)
        y = Transpose<perm = [3, 2, 0, 1]>(g)"""
    check_compiled(picked(body, i=[2, 0]), "ToJpeg Gather ToSpatial")
    body = "t = Transpose(x) g = Gather<axis = -2>(t, i) y = Transpose(g)"
    check_compiled(picked(body, i=[2, 0]), "ToJpeg Gather ToSpatial")


def test_gather_nd_by_image() -> None:
    """With equal lists of indices for all images."""
    graph = picked("y = GatherND<batch_dims = 1>(x, i)", i=[[[2], [0]]] * 2)
    graph = graph.with_text("T[N,", "T[2,")
    check_compiled(graph, "ToJpeg Gather ToSpatial")
    differing = picked("y = GatherND<batch_dims = 1>(x, i)", i=[[[2], [0]], [[1], [0]]])
    differing = differing.with_text("T[N,", "T[2,")
    assert check_untouched(module_before(differing, NAME), NAME) == {}


@pytest.mark.parametrize(
    "body",
    [
        "y = GatherND(x, i)",
        "t = Transpose<perm = [1, 0, 2, 3]>(x) g = GatherND(t, i) y = Relu(g)",
    ],
)
def test_other_gather_nd_are_right(body: str) -> None:
    check_compiled(picked(body, i=[[0, 1], [1, 1]]))


@pytest.mark.parametrize("opset", [11, 13, 20])
@pytest.mark.parametrize("index", [0, 2, -1])
def test_one_channel(index: int, opset: int) -> None:
    """x[:, i].unsqueeze(1)"""
    axes = "(g, one)" if opset >= 13 else "(g)"
    attribute = "" if opset >= 13 else "<axes = [1]>"
    body = f"g = Gather<axis = 1>(x, i) y = Unsqueeze{attribute}{axes}"
    axes_operand: dict[str, Any] = {"one": [1]} if opset >= 13 else {}
    graph = picked(body, opset, i=index, **axes_operand)
    check_pass(graph, NAME, "Gather")
    check_compiled(graph, "ToJpeg Gather ToSpatial")
    check_fault(graph, picked(body, opset, i=1, **axes_operand))


def test_one_channel_leaves() -> None:
    graph = picked("r = Relu(x) y = Gather<axis = 1>(r, i)", i=2)
    outline = "ToJpeg JpegRelu Gather ToSpatial Squeeze"
    assert kept_reasons(check_compiled(graph, outline)) == {}


def test_a_reshape_brings_the_axis_back() -> None:
    body = "g = Gather<axis = 1>(x, i) y = Reshape(g, s)"
    check_compiled(picked(body, i=2, s=[-1, 1, 8, 16]), "ToJpeg Gather ToSpatial")
    other = picked(body, i=2, s=[-1, 1, 16, 8])
    check_compiled(other)


def test_stacked_channels() -> None:
    """torch.stack([x[:, 2], x[:, 0]], 1)"""
    body = """a = Gather<axis = 1>(x, two) b = Gather<axis = 1>(x, zero)
        c = Unsqueeze(a, one) d = Unsqueeze(b, one) y = Concat<axis = 1>(c, d)"""
    check_compiled(picked(body, two=2, zero=0, one=[1]), "ToJpeg Gather ToSpatial")


@pytest.mark.parametrize(
    "body",
    [
        "a, b = Split<axis = 1>(x, sizes) y = Concat<axis = 1>(b, a)",
        "a = Slice(x, two, four, one) b = Slice(x, zero, two, one) y = Concat<axis = 1>(a, b, b)",
        "a = Slice(x, three, zero, one, minus) b = Gather<axis = 1>(x, two)"
        " y = Concat<axis = -3>(a, b)",
    ],
)
def test_channels_of_one_map(body: str) -> None:
    graph = picked(body, sizes=[1, 3], zero=[0], one=[1], two=[2], three=[3], four=[4], minus=[-1])
    duplicated = "b, b" in body
    check_compiled(graph, None if duplicated else "ToJpeg Gather ToSpatial")


@pytest.mark.parametrize("axis", [2, 3, -1])
def test_rows_and_columns_of_one_map(axis: int) -> None:
    """Circular padding in the form of PyTorch's older exporter, and torch.roll."""
    number = axis % 4
    body = f"""a = Slice(x, minus, end, axis) b = Slice(x, zero, three, axis)
        p = Concat<axis = {axis}>(a, x, b)
        c = Slice(p, three, end, axis) d = Slice(p, zero, three, axis)
        y = Concat<axis = {axis}>(c, d)"""
    bounds: dict[str, Any] = {
        "minus": [-1],
        "end": [1 << 40],
        "zero": [0],
        "three": [3],
        "axis": [number],
    }
    graph = picked(body, **bounds)
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    operators = {node.op for node in module.graph.nodes}
    assert operators <= {"ToJpeg", "JpegSlice", "ToSpatial"}
    check_fault(graph, graph.with_text("(c, d)", "(d, c)"))


def test_channels_that_others_read_stay() -> None:
    body = "a, b = Split<axis = 1>(x, s) c = Concat<axis = 1>(b, a) d = Relu(a) y = Sum(c, d)"
    graph = picked(body.replace("Sum(c, d)", "Concat<axis = 1>(c, d)"), s=[2, 2])
    check_compiled(graph, "ToJpeg Split JpegRelu Concat Concat ToSpatial")


@pytest.mark.parametrize("body", ["r = Gather<axis = 1>(x, i)", "r = Slice(x, m, n, one, m)"])
@pytest.mark.parametrize(
    "reader",
    [
        "y = Conv<pads = [1, 1, 1, 1]>(r, w)",
        "y = ConvTranspose<strides = [2, 2]>(r, w)",
        "s = Sub(r, c) d = Div(s, k) y = Conv(d, w, b)",
        "s = Add(c, r) d = Mul(s, two) y = Conv(d, w, b)",
    ],
)
def test_orders_that_weights_take(body: str, reader: str) -> None:
    weights: dict[str, Any] = {
        "i": np.asarray([1, 3, 0, 2]) if "Gather" in body else np.asarray([3, 2, 1, 0]),
        "c": np.asarray([0.5, 1, 2, 3]).reshape(1, 4, 1, 1),
        "k": np.asarray([1, 2, 3, 4.0]).reshape(4, 1, 1),
        "two": np.asarray(2.0),
        "m": np.asarray([-1]),
        "n": np.asarray([-9]),
        "one": np.asarray([1]),
    }
    graph = picked(f"{body} {reader}", **weights)
    graph = Graph(graph.text, {**graph.weights, "w": (4, 4, 3, 3), "b": (4,)})
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    assert not {"Gather", "Slice"} & {node.op for node in module.graph.nodes}
    check_fault(graph, graph.perturbed("w"))


@pytest.mark.parametrize(
    "reader",
    ["y = Conv<group = 2>(r, w)", "y = Concat<axis = 1>(r, x)", "s = Sub(r, v) y = Conv(s, u)"],
)
def test_orders_that_stay(reader: str) -> None:
    weights: dict[str, Any] = {"i": [1, 3, 0, 2]}
    graph = picked(f"r = Gather<axis = 1>(x, i) {reader}", **weights)
    text = graph.text.replace("T[N,4,8,16] x", "T[N,4,8,16] x, T[N,4,8,16] v")
    graph = Graph(text, {**graph.weights, "w": (4, 2, 3, 3), "u": (4, 4, 3, 3)})
    assert check_untouched(module_before(graph, FOLD), FOLD) == {}
    check_compiled(graph)


def test_a_choice_of_channels_is_no_order() -> None:
    graph = picked("r = Gather<axis = 1>(x, i) y = Conv(r, w)", i=[1, 1, 2])
    graph = Graph(graph.text, {**graph.weights, "w": (4, 3, 1, 1)})
    assert check_untouched(module_before(graph, FOLD), FOLD) == {}
