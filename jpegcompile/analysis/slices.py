"""Ranges that a Slice node selects, in any opset."""

from __future__ import annotations

from collections.abc import Iterable

import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of


def slice_axes(node: gs.Node) -> dict[int, slice] | None:
    """Python slices by axis; None if starts, ends, axes or steps are not constants.

    ONNX clamps bounds like Python, except for a start before the first element; see `taken`.
    """
    rank = len(node.inputs[0].shape or ())
    if not rank:
        return None
    if "starts" in node.attrs:
        starts, ends = node.attrs["starts"], node.attrs["ends"]
        axes: Iterable[int] = node.attrs.get("axes", range(len(starts)))
        steps: Iterable[int] = [1] * len(starts)
    else:
        operands = [value_of(input_at(node, i)) for i in range(1, 5)]
        present = [input_at(node, i) is not None for i in range(1, 5)]
        if any(p and o is None for p, o in zip(present, operands, strict=True)):
            return None
        if operands[0] is None or operands[1] is None:
            return None
        starts, ends = operands[0], operands[1]
        axes = range(len(starts)) if operands[2] is None else operands[2]
        steps = [1] * len(starts) if operands[3] is None else operands[3]
    return {
        int(axis) % rank: slice(int(start), int(end), int(step))
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    }


def taken(section: slice, size: int) -> range:
    """Indices that a slice selects from an axis.

    A start before the first element means the first element, also with a negative step.
    """
    start = None if section.start is None else max(section.start, -size)
    return range(*slice(start, section.stop, section.step).indices(size))
