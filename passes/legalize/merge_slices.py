"""Merge slices of different axes; exporters write one node for each axis.

Slice(Slice(x, axes A), axes B)  =>  Slice(x, axes A + B)        A and B disjoint; exact
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.slices import slice_axes
from jpegcompile.ir.graph import input_at, is_graph_output, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

# Since this opset, the bounds of Slice are inputs and Slice has steps.
_SLICE_WITH_INPUTS = 10


class MergeSlices(Pass):
    """Merges the first of two slices into the second."""

    name = "merge-slices"

    def run(self, module: Module) -> bool:
        """Merge slices; returns whether slices were merged."""
        if module.graph.opset < _SLICE_WITH_INPUTS:
            return False
        changed = False
        for node in module.graph.nodes:
            while node.op == "Slice" and _merge(node, module):
                changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _merge(second: gs.Node, module: Module) -> bool:
    between = second.inputs[0]
    if len(between.inputs) != 1 or between.inputs[0].op != "Slice":
        return False
    first = between.inputs[0]
    if len(between.outputs) != 1 or is_graph_output(module.graph, between):
        return False
    first_axes, second_axes = slice_axes(first), slice_axes(second)
    if first_axes is None or second_axes is None or set(first_axes) & set(second_axes):
        return False
    columns = [_operand(first, i) + _operand(second, i) for i in range(1, 5)]
    names = ("starts", "ends", "axes", "steps")
    second.inputs = [first.inputs[0]] + [
        gs.Constant(module.fresh(f"{second.outputs[0].name}.{name}"), np.asarray(values, np.int64))
        for name, values in zip(names, columns, strict=True)
    ]
    return True


def _operand(node: gs.Node, index: int) -> list[int]:
    values = value_of(input_at(node, index))
    if values is not None:
        return [int(v) for v in values]
    starts = value_of(node.inputs[1])
    assert starts is not None
    return list(range(starts.size)) if index == 3 else [1] * starts.size
