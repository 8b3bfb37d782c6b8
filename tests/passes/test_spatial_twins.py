"""Pooling at block size 1 and factors of channels become operators with native kernels."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    Weights,
    apply,
    check_compiled,
    check_fault,
    check_untouched,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
)

NAME = "spatial-twins"
POOL = "MaxPool<kernel_shape = [3, 2], strides = [2, 1], pads = [1, 0, 1, 1]>"


def network(text: str, size: str = "7,7", weights: Weights | None = None, opset: int = 17) -> Graph:
    return Graph(f"(T[N,4,{size}] x) => (T[] y) {{ {text} }}", weights or {}, opset)


@pytest.mark.parametrize("opset", [7, 9, 10, 17])
def test_max_pool(opset: int) -> None:
    graph = network(f"y = {POOL}(x)", opset=opset)
    module = check_compiled(graph, "SpatialMaxPool")
    (node,) = module.graph.nodes
    assert node.attrs == {
        "kernel_shape": [3, 2],
        "strides": [2, 1],
        "pads": [1, 0, 1, 1],
        "dilations": [1, 1],
    }
    check_fault(graph, graph.with_text("[1, 0, 1, 1]", "[1, 1, 1, 0]"))


def test_a_dilated_max_pool() -> None:
    graph = network("y = MaxPool<kernel_shape = [2, 2], dilations = [2, 3]>(x)")
    module = check_compiled(graph, "SpatialMaxPool")
    assert module.graph.nodes[0].attrs["dilations"] == [2, 3]


def test_global_average_pool() -> None:
    graph = network("r = Relu(x)  y = GlobalAveragePool(r)")
    module = check_compiled(graph, "Relu SpatialGlobalAveragePool")
    assert module.graph.nodes[1].attrs == {}


@pytest.mark.parametrize("size", ["16,16", "7,7"])
@pytest.mark.parametrize("operands", ["x, v", "v, x"])
def test_factors_of_channels(size: str, operands: str) -> None:
    text = f"g = GlobalAveragePool(x)  v = Sigmoid(g)  y = Mul({operands})"
    module = check_compiled(network(text, size))
    node = next(node for node in module.graph.nodes if node.op == "JpegScale")
    assert node.attrs == {"block": 8 if size == "16,16" else 1}
    assert [tuple(t.shape)[2:] for t in node.inputs] == [tuple(map(int, size.split(","))), (1, 1)]


@pytest.mark.parametrize("size", ["16,16", "7,7"])
def test_constant_factors(size: str) -> None:
    graph = network("y = Mul(x, v)", size, {"v": (1, 4, 1, 1)})
    assert "JpegScale" in outline_of(check_compiled(graph))
    check_fault(graph, graph.perturbed("v"))


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("y = Mul(x, x)", {}),
        ("y = Mul(x, v)", {"v": (4, 7, 7)}),
        ("y = Mul(x, v)", {"v": (4, 1, 1)}),
        ("y = Mul(x, v)", {"v": np.asarray(2.0)}),
        ("g = GlobalMaxPool(x)  h = Sin(g)  y = Mul(g, h)", {}),
        ("g = GlobalMaxPool(x)  m = ReduceMean<axes = [1], keepdims = 1>(x)  y = Mul(m, g)", {}),
        ("y, p = MaxPool<kernel_shape = [2, 2]>(x)  q = Cast<to = 1>(p)  z = Neg(q)", {}),
    ],
)
def test_other_products_and_pools_stay(text: str, weights: Weights) -> None:
    outputs = ", T[] z" if "z = " in text else ""
    graph = Graph(f"(T[N,4,7,7] x) => (T[] y{outputs}) {{ {text} }}", weights)
    check_untouched(module_before(graph, NAME, dtype="float"), NAME)


def test_for_standard_operators_all_stays() -> None:
    graph = network(f"p = {POOL}(x)  y = GlobalAveragePool(p)")
    assert outline_of(lowered(graph, "float", "onnx")) == "MaxPool GlobalAveragePool"


def test_what_is_kept_spatial_stays() -> None:
    """At block sizes above 1, operators that feed a discontinuous operator are not replaced."""
    text = """m = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x)  g = GlobalAveragePool(m)
        v = Mul(m, g)  y = Sqrt(v)"""
    module = module_before(network(f"q = Abs(x)  {text.replace('(x)', '(q)')}", "16,16"), NAME)
    assert {"m", "v", "y"} <= set(kept_reasons(module))
    operators = outline_of(module)
    apply(module, NAME)
    assert outline_of(module) == operators
