"""Elementwise operators on channels-last maps, including gates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.channels_last import FIRST, GATE, NAME, check, integers, on_map, positive_numbers
from support.graphs import (
    Graph,
    Weights,
    check_fault,
    check_pass,
    check_untouched,
    module_before,
)


@pytest.mark.parametrize(
    "call",
    [
        "Relu(h)",
        "LeakyRelu<alpha = 0.2>(h)",
        "Sigmoid(h)",
        "Tanh(h)",
        "HardSigmoid(h)",
        "Elu(h)",
        "Exp(h)",
        "Clip(h, low, high)",
        "Identity(h)",
    ],
)
def test_of_one_map(call: str) -> None:
    weights: Weights = {"low": np.asarray(-0.5), "high": np.asarray(0.25)}
    graph = on_map(f"a = {call}  b = Abs(a)  y = {FIRST}(b)", weights)
    op = call.partition("(")[0].partition("<")[0]
    check(graph, "Abs" if op == "Identity" else f"{op} Abs")
    check_fault(graph, graph.with_text("LeakyRelu<alpha = 0.5>(x)", "Softplus(x)"))


@pytest.mark.parametrize("opset", [7, 11, 17])
def test_of_other_types(opset: int) -> None:
    """Cast, and a Clip with bounds by attribute below opset 11."""
    bounds = "Clip<min = -0.5, max = 0.5>(h)" if opset < 11 else "Clip(h, low, high)"
    weights: Weights = {"low": np.asarray(-0.5), "high": np.asarray(0.5)}
    body = f"a = {bounds}  b = Cast<to = 6>(a)  c = Cast<to = 11>(b)  y = {FIRST}(c)"
    check_pass(on_map(body, weights, opset), NAME, "LeakyRelu Clip Cast Cast")


def test_dropout() -> None:
    body = f"a = Dropout(h)  b = Relu(a)  y = {FIRST}(b)"
    check(on_map(body), "Relu")
    read = on_map(body.replace("a =", "a, mask =")).with_text("(T[] y)", "(T[] y, bool[] mask)")
    assert check_untouched(module_before(read, NAME), NAME) == {}


@pytest.mark.parametrize(
    "shape", [(), (1,), (6,), (1, 6), (1, 1, 6), (8, 4, 6), (4, 1), (8, 1, 1), (1, 1, 1, 6)]
)
def test_slopes(shape: tuple[int, ...]) -> None:
    slope = positive_numbers(shape)
    graph = on_map(f"a = PRelu(h, slope)  y = {FIRST}(a)", {"slope": slope})
    check(graph, "PRelu")
    check_fault(graph, replace(graph, weights={"slope": np.asarray(slope * 1.5)}))


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Pow"])
@pytest.mark.parametrize("shape", [(), (6,), (4, 6), (8, 4, 6), (1, 8, 4, 6), (8, 1, 1), (4, 1)])
def test_constants(op: str, shape: tuple[int, ...]) -> None:
    values = positive_numbers(shape)
    graph = on_map(f"a = Sigmoid(h)  b = {op}(c, a)  y = {FIRST}(b)", {"c": values})
    check(graph, f"Sigmoid {op}")
    check_fault(graph, replace(graph, weights={"c": np.asarray(values * 1.5)}))


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Max", "Sum"])
def test_two_maps(op: str) -> None:
    graph = on_map(f"a = Sigmoid(h)  b = {op}(a, h)  y = {FIRST}(b)")
    check(graph, f"Sigmoid {op}")
    check_fault(graph, graph.with_text(f"{op}(a, h)", f"{op}(a, a)"))


def test_shared_constants_are_turned_once_and_kept() -> None:
    text = f"""(T[N,6,8,4] x, T[N,6] v) => (T[] y, T[] z) {{
        h = Transpose<perm = [0, 2, 3, 1]>(x)  a = Add(h, c)  b = Mul(a, c)  y = {FIRST}(b)
        z = Add(v, c) }}"""
    module = check_pass(Graph(text, {"c": (6,)}), NAME, "Add Add Mul")
    nodes = {node.name: node for node in module.graph.nodes}
    assert nodes["a"].inputs[1] is nodes["b"].inputs[1]
    assert nodes["z"].inputs[1].name == "c"


@pytest.mark.parametrize("operands", ["h, e", "e, h"])
@pytest.mark.parametrize("op", ["Mul", "Add"])
def test_gates_that_are_not_behind_a_transpose(op: str, operands: str) -> None:
    weights: Weights = {"w": (6, 6), "shape": integers(-1, 1, 1, 6)}
    body = f"{GATE}  e = Reshape(g, shape)  b = {op}({operands})  y = {FIRST}(b)"
    graph = on_map(body, weights)
    check(graph, f"ReduceMean MatMul Sigmoid Reshape Reshape {op}")
    check_fault(graph, graph.perturbed("w", 1e-3))


def test_gates_by_axes() -> None:
    body = f"""{GATE.replace("keepdims = 0", "keepdims = 1")}
        b = Mul(h, g)  y = {FIRST}(b)"""
    check(on_map(body, {"w": (6, 6)}), "ReduceMean Conv Sigmoid Mul")
    unsqueezed = on_map(f"{GATE}  e = Unsqueeze(g, axes)  b = Mul(h, e)  y = {FIRST}(b)")
    unsqueezed = Graph(unsqueezed.text, {"w": (6, 6), "axes": integers(1, 2)})
    check(unsqueezed, "ReduceMean MatMul Sigmoid Unsqueeze Reshape Mul")
