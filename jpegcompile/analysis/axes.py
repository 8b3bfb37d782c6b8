"""Axes of a node: an attribute in older opsets, an input in newer ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.module import Module

# First opset in which the axes are an input.
_AXES_AS_INPUT = {
    "ReduceMax": 18,
    "ReduceMean": 18,
    "ReduceSum": 13,
    "Squeeze": 13,
    "Unsqueeze": 13,
}
_GLOBAL_POOLS = ("GlobalAveragePool", "GlobalMaxPool")


def given_axes(node: gs.Node, index: int = 1) -> list[int] | None:
    """Axes from the attribute or from input `index`; None if they are absent or unknown."""
    operand = input_at(node, index)
    axes = node.attrs.get("axes") if operand is None else value_of(operand)
    return None if axes is None else [int(axis) for axis in np.asarray(axes).reshape(-1)]


def axes_of(node: gs.Node, rank: int, index: int = 1) -> list[int] | None:
    """Axes as in `given_axes`, as non-negative numbers for a tensor of rank `rank`."""
    axes = given_axes(node, index)
    return None if axes is None or not rank else [axis % rank for axis in axes]


def reduced_axes(node: gs.Node, wanted_rank: int) -> set[int] | None:
    """Axes of a reduction or global pooling.

    Args:
        node: the node.
        wanted_rank: rank that the input must have.

    Returns:
        The axes. An empty set can mean all axes. None if the axes are unknown or the input has
        another rank.
    """
    if len(node.inputs[0].shape or ()) != wanted_rank:
        return None
    if node.op in _GLOBAL_POOLS:
        return set(range(2, wanted_rank))
    axes = axes_of(node, wanted_rank)
    return None if axes is None else set(axes)


def write_axes(node: gs.Node, axes: Sequence[int], module: Module) -> None:
    """Set the axes of a node in the form of the graph's opset.

    Args:
        node: a node whose only operand apart from the axes is its first input.
        axes: the axes.
        module: the module that contains the node.
    """
    if module.graph.opset < _AXES_AS_INPUT[node.op]:
        node.attrs["axes"] = list(axes)
        return
    name = module.fresh(f"{node.outputs[0].name}.axes")
    node.attrs.pop("axes", None)
    node.inputs = [node.inputs[0], gs.Constant(name, np.asarray(axes, np.int64))]
