"""Raise standard operators that are the same on coefficients as on pixels.

Add(x, y), Concat(x, y), Mul(x, c), ...  =>  the same on the pixels of x and y

An operator that differs reads coefficients, which a cast computes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

from jpegcompile.frontend.raising.flatten import raise_flatten
from jpegcompile.frontend.raising.state import FLOATS, State, Value
from jpegcompile.frontend.walk import all_graphs, graphs_of

_SUMS = ("Add", "Sub", "Sum")
_ON_ONE = ("Identity", "Neg")
_ALONG_CHANNELS = ("Gather", "Split")
_PAD_TAKES_INPUTS_SINCE = 11


def raise_standard(state: State, node: onnx.NodeProto) -> None:
    """Append a standard node, on pixels where that is the same."""
    maps = [name for name in node.input if _is_map(state, name)]
    blocks = {state.values[name].block for name in maps}
    if len(blocks) == 1 and _is_same(state, node, maps):
        (block,) = blocks
        _on_pixels(state, node, block, state.values[maps[0]].size)
        return
    if maps and node.op_type == "Flatten" and raise_flatten(state, node):
        return
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.input[:]
    copy.input.extend(state.raw(name) if name else "" for name in node.input)
    for inner in graphs_of(copy):
        _rename_captured(state, inner)
    state.nodes.append(copy)


def _on_pixels(
    state: State, node: onnx.NodeProto, block: int, size: tuple[int, int] | None
) -> None:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    whole = node.op_type in (*_SUMS, "Concat")
    for index, name in enumerate(node.input):
        if name and (_is_map(state, name) or whole):
            copy.input[index] = state.pixels(name, block, size, node)
        elif name:
            copy.input[index] = state.raw(name)
    for index, name in enumerate(node.output):
        if name:
            copy.output[index] = state.twin(name)
            state.values[name] = Value(copy.output[index], block, size)
    state.nodes.append(copy)


def _is_map(state: State, name: str) -> bool:
    value = state.values.get(name)
    return value is not None and value.block > 1


def _is_same(state: State, node: onnx.NodeProto, maps: list[str]) -> bool:
    """Whether a node computes the coefficients of its result from coefficients."""
    if node.domain:
        return False
    op, others = node.op_type, [name for name in node.input if name and name not in maps]
    size = state.values[maps[0]].size
    if op == "Cast":
        return _attribute(node, "to") in FLOATS
    if op in _ON_ONE:
        return True
    if op in _SUMS or op == "Concat":
        is_placed = op != "Concat" or _attribute(node, "axis") in (1, -3)
        return is_placed and all(_is_whole_constant(state, n, size) for n in others)
    if op == "Mul":
        return len(maps) == 1 and all(_is_flat(state, name) for name in others)
    if op == "Div":
        return maps == [node.input[0]] and all(_is_flat(state, name) for name in others)
    if op in _ALONG_CHANNELS:
        axis = _attribute(node, "axis") or 0
        return axis in (1, -3) and node.input[0] in maps and len(maps) == 1
    if op == "Conv":
        return _is_pointwise(state, node)
    if op in ("ReduceMean", "ReduceSum"):
        return _axes(state, node, 1) == [1] and _attribute(node, "keepdims") in (None, 1)
    if op == "Slice":
        axes = _axes(state, node, 3)
        return axes is not None and all(axis in (1, -3) for axis in axes)
    return op == "Pad" and _pads_channels(state, node)


def _attribute(node: onnx.NodeProto, name: str) -> object:
    found = (helper.get_attribute_value(a) for a in node.attribute if a.name == name)
    return next(found, None)


def _is_whole_constant(state: State, name: str, size: tuple[int, int] | None) -> bool:
    values = state.array(name)
    return values is not None and values.ndim >= 2 and values.shape[-2:] == size


def _is_flat(state: State, name: str) -> bool:
    """Whether a factor is constant over height and width."""
    shape = state.shapes.get(name)
    if shape is None:
        values = state.array(name)
        shape = None if values is None else values.shape
    return shape is not None and all(d == 1 for d in shape[-2:])


def _axes(state: State, node: onnx.NodeProto, position: int) -> list[int] | None:
    """Return the axes of a node, which are an attribute or an input; None if unknown."""
    given: Any = _attribute(node, "axes")
    if given is None and len(node.input) > position:
        values = state.array(node.input[position])
        given = None if values is None else values.tolist()
    return None if given is None else list(given)


def _is_pointwise(state: State, node: onnx.NodeProto) -> bool:
    """Whether a convolution is 1x1 with stride 1, and without padding and bias."""
    shape = state.shapes.get(node.input[1], ())
    steps: Any = _attribute(node, "strides") or [1]
    pads: Any = _attribute(node, "pads") or [0]
    has_bias = len(node.input) > 2 and bool(node.input[2])
    return shape[2:] == (1, 1) and set(steps) == {1} and not any(pads) and not has_bias


def _pads_channels(state: State, node: onnx.NodeProto) -> bool:
    if (_attribute(node, "mode") or b"constant") != b"constant":
        return False
    fill = _attribute(node, "value") or 0.0
    amounts = _attribute(node, "pads")
    if state.opset >= _PAD_TAKES_INPUTS_SINCE:
        given = [state.array(name) if name else np.zeros(1) for name in node.input[1:]]
        if len(given) > 2 or any(values is None for values in given):
            return False
        amounts = given[0]
        fill = float(np.asarray(given[1]).reshape(-1)[0]) if len(given) > 1 else 0.0
    pads = np.asarray(amounts)
    return fill == 0.0 and pads.shape == (8,) and not pads[[0, 2, 3, 4, 6, 7]].any()


def _rename_captured(state: State, graph: onnx.GraphProto) -> None:
    """Rename tensors that a subgraph reads from the outer graph."""
    for inner in all_graphs(graph):
        for node in inner.node:
            for index, name in enumerate(node.input):
                node.input[index] = state.raw(name) if name else ""
        for output in inner.output:
            output.name = state.raw(output.name)
