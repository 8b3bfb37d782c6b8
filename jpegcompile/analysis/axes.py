"""Which axes a node names, whichever opset spells them: by an attribute, or later by an input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.module import Module

# The opset from which on axes are an input.
_AXES_AS_INPUT = {
    "ReduceMax": 18,
    "ReduceMean": 18,
    "ReduceSum": 13,
    "Squeeze": 13,
    "Unsqueeze": 13,
}
_GLOBAL_POOLS = ("GlobalAveragePool", "GlobalMaxPool")


def given_axes(node: gs.Node, index: int = 1) -> list[int] | None:
    """Axes by attribute, or by the input `index`; None where there are none, or not known."""
    operand = input_at(node, index)
    axes = node.attrs.get("axes") if operand is None else value_of(operand)
    return None if axes is None else [int(axis) for axis in np.asarray(axes).reshape(-1)]


def axes_of(node: gs.Node, rank: int, index: int = 1) -> list[int] | None:
    """The same as non-negative numbers of a tensor of that rank, in order."""
    axes = given_axes(node, index)
    return None if axes is None or not rank else [axis % rank for axis in axes]


def reduced_axes(node: gs.Node, wanted_rank: int) -> set[int] | None:
    """Axes of a reduction or global pool; None where they, or an input of that rank, are unknown.

    No axes at all can mean every one.
    """
    if len(node.inputs[0].shape or ()) != wanted_rank:
        return None
    if node.op in _GLOBAL_POOLS:
        return set(range(2, wanted_rank))
    axes = axes_of(node, wanted_rank)
    return None if axes is None else set(axes)


def write_axes(node: gs.Node, axes: Sequence[int], module: Module) -> None:
    """Give a node of one operand its axes, in the spelling of the graph's opset."""
    if module.graph.opset < _AXES_AS_INPUT[node.op]:
        node.attrs["axes"] = list(axes)
        return
    name = module.fresh(f"{node.outputs[0].name}.axes")
    node.attrs.pop("axes", None)
    node.inputs = [node.inputs[0], gs.Constant(name, np.asarray(axes, np.int64))]
