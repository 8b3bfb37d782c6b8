"""Operators with axes, and resizing, on channels-last maps in all opsets."""

from __future__ import annotations

import numpy as np
import pytest
from support.channels_last import FIRST, HEAD, NAME, check, integers, on_map
from support.graphs import (
    Graph,
    Weights,
    assert_same,
    check_compiled,
    check_fault,
    check_pass,
    feeds_of,
    lowered,
    outline_of,
    run_float32,
)

from jpegcompile.backends.emit import emit


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -2, -3])
def test_concat(axis: int) -> None:
    batch = HEAD.replace("N,", "2,") if axis == 0 else HEAD
    text = f"{batch}  a = Relu(h)  b = Concat<axis = {axis}>(a, h)  y = {FIRST}(b) }}"
    check(Graph(text), "Relu Concat")
    check_fault(Graph(text), Graph(text).with_text("(a, h)", "(h, a)"))


def test_concat_with_a_constant() -> None:
    text = f"{HEAD.replace('N,', '1,')}  b = Concat<axis = 3>(h, c)  y = {FIRST}(b) }}"
    graph = Graph(text, {"c": (1, 8, 4, 2)})
    check(graph, "Concat")
    check_fault(graph, graph.perturbed("c", 1e-3))


PADS = integers(0, 1, 2, 0, 0, 3, 0, 1)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("opset", [7, 10])
def test_pad_by_attribute(opset: int, mode: str) -> None:
    text = f"""b = Pad<mode = "{mode}", pads = {PADS.tolist()}>(h)  y = {FIRST}(b)"""
    check(on_map(text, opset=opset), "Pad")


@pytest.mark.parametrize("operands", ["pads", "pads, fill"])
@pytest.mark.parametrize("opset", [11, 18])
def test_pad_by_operand(opset: int, operands: str) -> None:
    weights: Weights = {"pads": PADS, "fill": np.asarray(0.5)}
    graph = on_map(f"b = Pad(h, {operands})  y = {FIRST}(b)", weights, opset)
    check(graph, "Pad")
    moved = {**weights, "pads": integers(0, 2, 1, 0, 0, 2, 1, 1)}
    check_fault(graph, on_map(f"b = Pad(h, {operands})  y = {FIRST}(b)", moved, opset))


def test_pad_of_named_axes() -> None:
    weights: Weights = {"pads": integers(1, 2, 3, 0), "axes": integers(-2, 1)}
    graph = on_map(f"b = Pad(h, pads, , axes)  y = {FIRST}(b)", weights, 18)
    module = check_pass(graph, NAME, "LeakyRelu Pad")
    (pad,) = [node for node in module.graph.nodes if node.op == "Pad"]
    assert pad.inputs[1].values.tolist() == [0, 0, 2, 1, 0, 0, 0, 3]
    assert check_compiled(graph).report.kept == []


def test_slice_by_attribute() -> None:
    text = "b = Slice<starts = [1, 0, -4], ends = [8, 3, 100], axes = [1, 2, 3]>(h)"
    check(on_map(f"{text}  y = {FIRST}(b)", opset=9), "Slice")
    first = "b = Slice<starts = [0, 1], ends = [100, 5]>(h)"
    check(on_map(f"{first}  y = {FIRST}(b)", opset=7), "Slice")


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_slice_by_operand(dtype: type) -> None:
    weights: Weights = {
        name: np.asarray(values, dtype)
        for name, values in (
            ("starts", [0, -1]),
            ("ends", [8, -100]),
            ("axes", [1, 3]),
            ("steps", [2, -1]),
        )
    }
    graph = on_map(f"b = Slice(h, starts, ends, axes, steps)  y = {FIRST}(b)", weights)
    check(graph, "Slice")
    check_fault(
        graph,
        on_map(
            f"b = Slice(h, starts, ends, axes)  c = Relu(b)  y = {FIRST}(c)",
            {**weights, "starts": np.asarray([0, 0], dtype), "ends": np.asarray([4, 6], dtype)},
        ),
    )


def test_slice_of_the_first_axes() -> None:
    weights: Weights = {"starts": integers(0, 2), "ends": integers(9, 6)}
    check(on_map(f"b = Slice(h, starts, ends)  y = {FIRST}(b)", weights), "Slice")


REDUCTIONS = ["ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin", "ReduceL2"]


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("axes", [[1, 2], [-3, -2], [3], [1], [1, 2, 3]])
def test_reductions_that_keep_their_axes(op: str, axes: list[int]) -> None:
    body = f"b = {op}<axes = {axes}, keepdims = 1>(h)  c = Mul(h, b)  y = {FIRST}(c)"
    graph = on_map(body, opset=11)
    check(graph, f"{op} Mul")
    check_fault(graph, graph.with_text(f"axes = {axes}", "axes = [2]"))


@pytest.mark.parametrize("axes", [(1, 2), (3,), (-1,)])
def test_reductions_by_operand(axes: tuple[int, ...]) -> None:
    body = f"b = ReduceMean(h, axes)  c = Mul(h, b)  y = {FIRST}(c)"
    check(on_map(body, {"axes": integers(*axes)}, 18), "ReduceMean Mul")
    check(on_map(body.replace("Mean", "Sum"), {"axes": integers(*axes)}, 13), "ReduceSum Mul")


@pytest.mark.parametrize("axes", [[1, 2], [2, 1], [3], [1, 2, 3], [2, 3]])
def test_reductions_that_drop_their_axes(axes: list[int]) -> None:
    check(on_map(f"y = ReduceMean<axes = {axes}, keepdims = 0>(h)"), "ReduceMean")


def test_squeeze() -> None:
    body = "b = ReduceMean<axes = [1, 2], keepdims = 1>(h)  y = Squeeze"
    check(on_map(f"{body}<axes = [1, 2]>(b)", opset=11), "ReduceMean Squeeze")
    check(on_map(f"{body}(b, axes)", {"axes": integers(-2, -3)}, 13), "ReduceMean Squeeze")


@pytest.mark.parametrize(
    ("opset", "call", "weights"),
    [
        (7, "Upsample<scales = [1.0, 2.0, 3.0, 1.0]>(h)", {}),
        (9, "Upsample(h, scales)", {"scales": np.asarray([1, 2, 3, 1], np.float32)}),
        (10, "Resize(h, scales)", {"scales": np.asarray([1, 2, 3, 1], np.float32)}),
        (13, "Resize(h, , scales)", {"scales": np.asarray([1, 2, 3, 1], np.float32)}),
        (13, "Resize(h, , , sizes)", {"sizes": integers(2, 16, 12, 6)}),
        (18, "Resize<axes = [1, 2]>(h, , scales)", {"scales": np.asarray([2, 3], np.float32)}),
    ],
)
def test_resize(opset: int, call: str, weights: Weights) -> None:
    text = f"{HEAD.replace('N,', '2,')}  b = {call}  y = {FIRST}(b) }}"
    graph = Graph(text, weights, opset)
    if opset > 10:
        check(graph, call.partition("(")[0].partition("<")[0])
        return
    # The reference evaluator does not support the older forms.
    feeds = feeds_of(graph.model())
    expected = run_float32(graph.model("float"), feeds)
    module = lowered(graph, "float")
    assert "Transpose" not in outline_of(module)
    assert_same(run_float32(emit(module), feeds), expected)


def test_resize_to_sizes_that_are_computed() -> None:
    body = f"""s = Shape(h)  d = Mul(s, twice)  b = Resize(h, , , d)  y = {FIRST}(b)"""
    graph = on_map(body, {"twice": integers(1, 2, 2, 1)})
    check(graph, "Shape Gather Mul Gather Resize")
