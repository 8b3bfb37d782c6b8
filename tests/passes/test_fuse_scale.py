"""Scale, sum and ReLU at the end of a squeeze-and-excitation block are fused."""

from __future__ import annotations

import pytest
from support.graphs import (
    Graph,
    apply,
    assert_same,
    check_compiled,
    check_fault,
    check_untouched,
    evaluate,
    feeds_of,
    lowered,
    module_before,
    outline_of,
)
from support.plans import planned_options

from jpegcompile.backends.emit import emit
from jpegcompile.dct.frequencies import resolve
from jpegcompile.ir.module import Module

NAME = "fuse-scale"
SQUEEZE = "g = GlobalAveragePool(x)  v = Sigmoid(g)"


def network(text: str, size: str = "16,16", outputs: str = "") -> Graph:
    signature = f"(T[N,4,{size}] x) => (T[] y{outputs})"
    return Graph(f"{signature} {{ {SQUEEZE}  {text} }}", {"w": (4, 4, 1, 1), "b": (4, 1, 1)})


@pytest.mark.parametrize(
    ("size", "op"), [("16,16", "JpegScaleAddRelu"), ("7,7", "SpatialScaleAddRelu")]
)
@pytest.mark.parametrize("product", ["Mul(x, v)", "Mul(v, x)"])
@pytest.mark.parametrize("added", ["Add(m, c)", "Add(c, m)", "Sum(m, c)"])
def test_the_three_are_one(size: str, op: str, product: str, added: str) -> None:
    graph = network(
        f"d = Conv(x, w)  c = Sigmoid(d)  m = {product}  s = {added}  y = Relu(s)", size
    )
    module = check_compiled(graph)
    assert op in outline_of(module)
    assert not {"JpegScale", "Add", "Sum", "Relu", "JpegRelu"} & set(outline_of(module).split())
    check_fault(graph, graph.perturbed("w"))


@pytest.mark.parametrize("size", ["16,16", "12,20", "6,10"])
def test_a_truncation_is_taken_in(size: str) -> None:
    graph = network("m = Mul(x, v)  s = Add(m, x)  r = Relu(s)  y = Conv(r, w)", size)
    module = _truncated(graph)
    assert "JpegTruncate" not in outline_of(module).split()
    (node,) = (n for n in module.graph.nodes if n.op == "JpegScaleAddReluTruncate")
    assert node.name == "r"
    assert node.attrs["frequencies"] == resolve(5, node.attrs["block"])


def test_all_readers_see_what_is_truncated() -> None:
    graph = network("m = Mul(x, v)  s = Add(m, x)  r = Relu(s)  d = Conv(r, w)  y = Sub(d, r)")
    assert "JpegScaleAddReluTruncate" in outline_of(_truncated(graph))


def _truncated(graph: Graph) -> Module:
    """The network after the pass, whose outputs are unchanged."""
    module, feeds = module_before(graph, NAME, planned_options(truncate=5)), feeds_of(graph.model())
    wanted = evaluate(emit(module), feeds)
    assert apply(module, NAME)
    assert_same(evaluate(emit(module), feeds), wanted)
    return module


@pytest.mark.parametrize(
    "text",
    [
        "m = Mul(x, v)  y = Relu(m)",
        "m = Mul(x, v)  s = Add(m, b)  y = Relu(s)",
        "m = Mul(x, v)  s = Add(m, m)  y = Relu(s)",
        "m = Mul(x, v)  s = Add(m, x)  y = Sigmoid(s)",
        "m = Mul(x, v)  s = Add(m, x)  r = Relu(s)  y = Sub(r, s)",
    ],
)
def test_others_stay(text: str) -> None:
    check_untouched(module_before(network(text), NAME, dtype="float"), NAME)


def test_what_the_caller_sees_stays() -> None:
    graph = network("m = Mul(x, v)  s = Add(m, x)  y = Relu(s)", outputs=", T[] s")
    check_untouched(module_before(graph, NAME, dtype="float"), NAME)


def test_standard_operators_stay() -> None:
    graph = network("m = Mul(x, v)  s = Add(m, x)  y = Relu(s)")
    assert outline_of(lowered(graph, "float", "onnx")) == (
        "ToJpeg JpegGlobalAveragePool Sigmoid Mul Add JpegRelu ToSpatial"
    )
