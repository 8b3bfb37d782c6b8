"""Products, maxima and minima of two maps, and attention that is broadcast."""

from __future__ import annotations

import pytest
from support.graphs import (
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    kept_reasons,
    module_before,
    random_weight,
)

NAME = "lower-products"


def product(op: str, other: str, size: str = "16,24") -> Graph:
    signature = f"(T[N,3,{size}] x, T[N,{other}] z) => (T[] y)"
    return Graph(f"{signature} {{ y = {op}(x, z) }}")


@pytest.mark.parametrize("op", ["Max", "Min", "Mul"])
@pytest.mark.parametrize("size", ["16,24", "12,4", "14,6", "7,9"])
def test_two_maps(op: str, size: str) -> None:
    graph = product(op, f"3,{size}", size)
    assert kept_reasons(check_compiled(graph)) == {}
    if size == "7,9":
        assert check_untouched(module_before(graph, NAME), NAME) == {}
    else:
        check_pass(graph, NAME, f"ToJpeg ToJpeg Jpeg{op} ToSpatial")


@pytest.mark.parametrize("opset", [8, 13, 22])
@pytest.mark.parametrize("other", ["1,16,24", "3,16,1", "3,1,24", "1,16,1", "1,1,24"])
def test_attention_that_is_broadcast(other: str, opset: int) -> None:
    graph = product("Mul", other)
    for text in (graph.text, graph.text.replace("Mul(x, z)", "Mul(z, x)")):
        module = check_compiled(Graph(text, opset=opset))
        assert kept_reasons(module) == {}
        assert [n.op for n in module.graph.nodes].count("JpegMul") == 1


@pytest.mark.parametrize("shape", [(16, 24), (1, 24), (16, 1), (3, 16, 24), (1, 1, 16, 24)])
def test_constants_that_vary(shape: tuple[int, ...]) -> None:
    text = "(T[N,3,16,24] x) => (T[] y) { y = Mul(x, c) }"
    graph = Graph(text, {"c": random_weight("c", shape) + 2.0})
    check_pass(graph, NAME, "ToJpeg JpegMul ToSpatial")
    assert kept_reasons(check_compiled(graph)) == {}
    check_fault(graph, graph.perturbed("c"))


def test_quotients_stay() -> None:
    graph = product("Div", "3,16,24")
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    assert kept_reasons(check_compiled(graph)) == {"y": "product-of-maps"}


def test_faults() -> None:
    graph = product("Mul", "3,16,24")
    check_fault(graph, graph.with_text("Mul", "Max"))
    check_fault(product("Max", "3,16,24"), product("Min", "3,16,24"))
    spatial = product("Mul", "1,16,24")
    check_fault(spatial, spatial.with_text("Mul", "Add"))
