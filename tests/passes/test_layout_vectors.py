"""Channels-last maps that become vectors, and dense layers at every pixel."""

from __future__ import annotations

import pytest
from support.channels_last import FIRST, HEAD, check, integers, on_map
from support.graphs import (
    Graph,
    Weights,
    check_compiled,
    check_fault,
)


@pytest.mark.parametrize("reader", ["MatMul(f, w)", "Gemm(f, w, b)", "Gemm<transB = 1>(f, v, b)"])
def test_flattened_maps(reader: str) -> None:
    weights: Weights = {"w": (192, 5), "v": (5, 192), "b": (5,), "shape": integers(-1, 192)}
    op = reader.partition("(")[0].partition("<")[0]
    name = "v" if "v" in reader else "w"
    for flatten in ("Flatten(h)", "Flatten<axis = -3>(h)", "Reshape(h, shape)"):
        graph = on_map(f"f = {flatten}  y = {reader}", weights)
        check(graph, f"Flatten {op}")
        assert check_compiled(graph).report.kept == []
        check_fault(graph, graph.perturbed(name, 1e-3))


def test_weights_of_a_flattened_map_that_others_share() -> None:
    text = HEAD.replace("] x)", "] x, T[N,192] v)").replace("(T[] y)", "(T[] y, T[] z)")
    graph = Graph(f"{text}  f = Flatten(h)  y = MatMul(f, w)  z = MatMul(v, w) }}", {"w": (192, 5)})
    module = check_compiled(graph)
    (other,) = [node for node in module.graph.nodes if node.name == "z"]
    assert other.inputs[1].name == "w"


@pytest.mark.parametrize(
    ("call", "outline"),
    [
        ("Flatten(b)", "Flatten"),
        ("Reshape(b, three)", "Reshape"),
        ("Reshape(b, one)", "Reshape"),
    ],
)
def test_vectors_of_maps_of_one_pixel(call: str, outline: str) -> None:
    """The order stays, so any reader is allowed."""
    weights: Weights = {"three": integers(0, 3, 2), "one": integers(-1)}
    body = f"b = ReduceMean<axes = [1, 2], keepdims = 1>(h)  f = {call}  y = Relu(f)"
    check(on_map(body, weights), f"ReduceMean {outline} Relu")


def test_dense_layers_at_every_pixel() -> None:
    graph = on_map(f"a = MatMul(h, w)  b = Add(a, c)  y = {FIRST}(b)", {"w": (6, 5), "c": (5,)})
    check(graph, "Conv Add")
    assert check_compiled(graph).report.kept == []
    check_fault(graph, graph.perturbed("w", 1e-3), graph.perturbed("c", 1e-3))
