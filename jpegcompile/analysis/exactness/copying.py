"""Operators that copy elements: equal input values stay equal, and more may become equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.exactness.contractions import pool_extent, summed_axes
from jpegcompile.analysis.exactness.state import State, either, joined_forms
from jpegcompile.ir.graph import input_at, value_of

# The position of the channel axis is unknown.
UNKNOWN_AXIS = -1
# The output of these operators may contain one element several times, or a fill value.
_REPEATING = frozenset(
    ("CenterCropPad", "Expand", "GatherND", "MaxRoiPool", "MaxUnpool", "Pad", "Scatter", "Tile")
) | {"GatherElements", "ScatterElements", "ScatterND", "TensorScatter", "Trilu"}
_FILLING = frozenset(("CenterCropPad", "MaxUnpool", "Trilu"))
_SAME_AXES = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")


def copied(node: gs.Node, states: Sequence[State], opset: int) -> State:
    """Return the state of a node's output.

    Args:
        node: a node whose operator is in `COPIES`.
        states: states of the tensors whose elements are copied.
        opset: opset of the standard operators.
    """
    state = either(states)
    result = replace(
        state,
        equal_pixels=state.equal_pixels or node.op in _REPEATING or _repeats_pixels(node),
        equal_channels=state.equal_channels or _repeats_channels(node, states),
        forms=joined_forms(states, node),
        axis=_output_axis(node, states[0].axis),
    )
    return result.with_known_values([*result.known_values, *_fill(node, opset)])


def reduces_plane(node: gs.Node) -> bool:
    """Whether an output element is the largest or smallest of a whole plane."""
    if node.op in ("ReduceMax", "ReduceMin"):
        return any(axis > 1 for axis in summed_axes(node))
    return bool(node.op == "GlobalMaxPool")


def _repeats_pixels(node: gs.Node) -> bool:
    """Whether adjacent outputs may be one element: overlapping windows, or repeated pixels."""
    if node.op == "MaxPool":
        window = pool_extent(node)
        strides = list(node.attrs.get("strides", [1] * len(window)))
        return any(extent > s for extent, s in zip(window, (strides[0], strides[-1]), strict=True))
    return node.op == "Gather" and _has_equal_indices(node) and node.attrs.get("axis", 0) != 1


def _repeats_channels(node: gs.Node, states: Sequence[State]) -> bool:
    """Whether two output channels may be copies of one input channel."""
    if node.op in ("Expand", "Tile"):
        return True
    if node.op == "Gather":
        return _has_equal_indices(node)
    if node.op not in ("Concat", "ConcatFromSequence"):
        return False
    found = [term for s in states for term in {form.terms for form in s.forms}]
    return len(set(found)) < len(found)


def _has_equal_indices(node: gs.Node) -> bool:
    indices = value_of(node.inputs[1])
    return indices is None or len(np.unique(indices)) < indices.size


def _fill(node: gs.Node, opset: int) -> list[float]:
    """Fill values that the output contains besides copies."""
    if node.op in _FILLING:
        return [0.0]
    if node.op != "Pad" or node.attrs.get("mode", "constant") != "constant":
        return []
    if opset < 11:
        return [float(node.attrs.get("value", 0.0))]
    given = input_at(node, 2)
    value = None if given is None else value_of(given)
    return [0.0] if value is None else [float(v) for v in value.reshape(-1)]


def _output_axis(node: gs.Node, axis: int | None) -> int | None:
    """Channel axis of the output; `UNKNOWN_AXIS` if it cannot be determined."""
    if axis is None or axis == UNKNOWN_AXIS:
        return UNKNOWN_AXIS
    if node.op == "Transpose":
        order = list(node.attrs.get("perm", ()))
        return order.index(axis) if axis in order else UNKNOWN_AXIS
    before, after = (tuple(t.shape or ()) for t in (node.inputs[0], node.outputs[0]))
    if len(before) == len(after) and node.op not in _SAME_AXES:
        return axis
    stays = axis == 1 and len(after) > 1 and before[:2] == after[:2]
    return axis if stays else UNKNOWN_AXIS
