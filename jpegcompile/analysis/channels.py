"""Channels, rows or columns that a Gather, Slice or Split selects from a map."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.slices import slice_axes, taken
from jpegcompile.ir.graph import input_at, static_dims, value_of

Indices = NDArray[np.int64]


def channels_of(tensor: gs.Tensor, axis: int = 1) -> tuple[gs.Tensor, Indices] | None:
    """Return the map whose channels a tensor contains, and their numbers in order.

    Args:
        tensor: a tensor [N, K, H, W].
        axis: 1 for channels, 2 for rows, 3 for columns.

    Returns:
        The map [N, C, H, W] and K indices; None if the tensor is not a selection of known channels.
    """
    if not tensor.inputs or len(tensor.inputs[0].inputs) == 0:
        return None
    node = tensor.inputs[0]
    source = node.inputs[0]
    shape = source.shape
    if shape is None or len(shape) != 4 or static_dims(shape[1:]) is None:
        return None
    if node.op not in _PICKED:
        return None
    picked = _PICKED[node.op](node, tensor, axis)
    return None if picked is None else (source, picked)


def _gathered(node: gs.Node, _: gs.Tensor, axis: int) -> Indices | None:
    indices = value_of(node.inputs[1])
    if int(node.attrs.get("axis", 0)) % 4 != axis or indices is None or indices.ndim != 1:
        return None
    return np.asarray(indices, np.int64) % int(node.inputs[0].shape[axis])


def _sliced(node: gs.Node, _: gs.Tensor, axis: int) -> Indices | None:
    axes = slice_axes(node)
    if axes is None or set(axes) != {axis}:
        return None
    return np.asarray(taken(axes[axis], int(node.inputs[0].shape[axis])), np.int64)


def _split(node: gs.Node, tensor: gs.Tensor, axis: int) -> Indices | None:
    if int(node.attrs.get("axis", 0)) % 4 != axis:
        return None
    count = int(node.inputs[0].shape[axis])
    sizes = node.attrs.get("split")
    if input_at(node, 1) is not None:
        sizes = value_of(node.inputs[1])
        if sizes is None:
            return None
    if sizes is None:
        # If the parts cannot be equal, the last one is smaller.
        each = -(-count // len(node.outputs))
        sizes = [min(each, count - each * i) for i in range(len(node.outputs))]
    position = next(i for i, output in enumerate(node.outputs) if output is tensor)
    begin = int(sum(sizes[:position]))
    return np.arange(begin, begin + int(sizes[position]))


_PICKED = {"Gather": _gathered, "Slice": _sliced, "Split": _split}


def plane_indices(node: gs.Node) -> tuple[int, Indices] | None:
    """Return the axis, 2 or 3, and the rows or columns that a Gather selects; None if neither."""
    if node.op != "Gather":
        return None
    axis, indices = int(node.attrs.get("axis", 0)) % 4, value_of(node.inputs[1])
    if indices is None or indices.ndim != 1 or axis < 2:
        return None
    return axis, np.asarray(indices, np.int64) % int(node.inputs[0].shape[axis])


def gather_of(source: gs.Tensor, indices: Indices, name: str, shared: str) -> gs.Node:
    """Create a Gather of channels, without an output.

    Args:
        source: the map.
        indices: channel numbers.
        name: name of the node.
        shared: name of the constant with the indices.
    """
    constant = gs.Constant(shared, np.asarray(indices, np.int64))
    return gs.Node("Gather", name, {"axis": 1}, [source, constant])
