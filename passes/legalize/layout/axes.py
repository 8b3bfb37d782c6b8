"""Convert operators that name axes of a map, by attribute or by input.

Concat(L(x), L(y), a)        =>  L(Concat(x, y, a'))
Pad(L(x), pads, axes)        =>  L(Pad(x, pads'))                    of all axes
Slice(L(x), axes)            =>  L(Slice(x, axes'))
Reduce(L(x), axes)           =>  L(Reduce(x, axes'))                 keepdims=1
Reduce, Squeeze(L(x), axes)  =>  Reduce, Squeeze(x, axes')           if the remaining axes have
                                                                     the same order; exact
"""

from __future__ import annotations

from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import axes_of
from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.image import TO_CHANNELS_FIRST
from jpegcompile.passes.legalize.layout.converter import RANK, LayoutConverter, nchw_axis


def convert_concat(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert Concat if every operand is channels-last or constant."""
    if not converter.makes_one_map(node):
        return False
    if not all(converter.is_channels_last(t) or isinstance(t, gs.Constant) for t in node.inputs):
        return False
    node.inputs = [converter.operand(t) for t in node.inputs]
    node.attrs["axis"] = nchw_axis(int(node.attrs["axis"]))
    converter.convert_output(node)
    return True


def convert_pad(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert Pad if amounts and axes are known; the result has amounts for all axes."""
    amounts = _amounts(node)
    if amounts is None or not converter.is_channels_last(node.inputs[0]):
        return False
    converted = [amounts[half + axis] for half in (0, RANK) for axis in TO_CHANNELS_FIRST]
    source = converter.to_nchw(node.inputs[0])
    if "pads" in node.attrs:
        node.attrs["pads"] = converted
        node.inputs = [source]
    else:
        pads = converter.indices(f"{node.outputs[0].name}.pads", converted)
        fill = input_at(node, 2)
        node.inputs = [source, pads] if fill is None else [source, pads, fill]
    converter.convert_output(node)
    return True


def _amounts(node: gs.Node) -> list[int] | None:
    """Amounts at the begin of each axis, then at the end; None if unknown."""
    operand = input_at(node, 1)
    given: Any = node.attrs.get("pads") if operand is None else value_of(operand)
    axes = list(range(RANK)) if input_at(node, 3) is None else axes_of(node, RANK, 3)
    if given is None or axes is None or len(given) != 2 * len(axes):
        return None
    amounts = [0] * (2 * RANK)
    for position, axis in enumerate(axes):
        amounts[axis] = int(given[position])
        amounts[RANK + axis] = int(given[len(axes) + position])
    return amounts


def convert_slice(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert Slice if its axes are known; bounds and steps may be variable."""
    axes = _slice_axes(node)
    if (
        axes is None
        or not converter.is_channels_last(node.inputs[0])
        or not converter.makes_one_map(node)
    ):
        return False
    converted = [nchw_axis(axis) for axis in axes]
    source = converter.to_nchw(node.inputs[0])
    if "starts" in node.attrs:
        _write_bounds(node, converted)
        node.inputs = [source]
    else:
        _, starts, ends, *rest = node.inputs
        # All bounds must have the same type, int32 or int64.
        operand = converter.indices(f"{node.outputs[0].name}.axes", converted, starts.dtype)
        node.inputs = [source, starts, ends, operand, *rest[1:]]
    converter.convert_output(node)
    return True


def _write_bounds(node: gs.Node, axes: list[int]) -> None:
    """Set bounds in the order of axes, which shape inference requires."""
    bounds = sorted(zip(axes, node.attrs["starts"], node.attrs["ends"], strict=True))
    for name, values in zip(("axes", "starts", "ends"), zip(*bounds, strict=True), strict=True):
        node.attrs[name] = list(values)


def _slice_axes(node: gs.Node) -> list[int] | None:
    if "axes" in node.attrs or input_at(node, 3) is not None:
        return axes_of(node, RANK, 3)
    if "starts" in node.attrs:
        return list(range(len(node.attrs["starts"])))
    starts = node.inputs[1]
    known = starts.dtype is not None and starts.shape is not None and len(starts.shape) == 1
    return list(range(starts.shape[0])) if known and isinstance(starts.shape[0], int) else None


def convert_reduction(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert a reduction if its axes are known; empty axes are refused, as they can mean all."""
    axes = axes_of(node, RANK)
    if not axes or not converter.is_channels_last(node.inputs[0]):
        return False
    if not node.attrs.get("keepdims", 1):
        return _drop_axes(node, axes, converter)
    if not converter.makes_one_map(node):
        return False
    _write_axes(node, axes, converter)
    converter.convert_output(node)
    return True


def convert_squeeze(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert Squeeze if its axes are known and not empty."""
    axes = axes_of(node, RANK)
    return bool(axes) and _drop_axes(node, axes or [], converter)


def _drop_axes(node: gs.Node, axes: list[int], converter: LayoutConverter) -> bool:
    left = [nchw_axis(axis) for axis in range(RANK) if axis not in axes]
    if left != sorted(left):
        return False
    _write_axes(node, axes, converter)
    return True


def _write_axes(node: gs.Node, axes: list[int], converter: LayoutConverter) -> None:
    converted = sorted(nchw_axis(axis) for axis in axes)
    source = converter.to_nchw(node.inputs[0])
    if "axes" in node.attrs:
        node.attrs["axes"] = converted
        node.inputs = [source]
    else:
        node.inputs = [source, converter.indices(f"{node.outputs[0].name}.axes", converted)]
