"""Spell the mean over height and width one way.

ReduceMean(x, axes={2,3}, keepdims=1)  =>  GlobalAveragePool(x)
ReduceMean(x, axes={2,3}, keepdims=0)  =>  Flatten(GlobalAveragePool(x))          exact
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class CanonicalMean(Pass):
    """Replace ReduceMean over the plane of a map of rank 4."""

    name = "canonical-mean"

    def run(self, module: Module) -> bool:
        """Returns whether a node was replaced."""
        changed = False
        for node in list(module.graph.nodes):
            if node.op == "ReduceMean" and _axes(node) == {2, 3} and _is_float(node.inputs[0]):
                _replace(node, module)
                changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _axes(node: gs.Node) -> set[int] | None:
    """Axes as non-negative numbers, for an input of rank 4; None where they are not known."""
    rank = len(node.inputs[0].shape or ())
    axes = node.attrs.get("axes")
    operand = input_at(node, 1)
    if operand is not None:
        axes = value_of(operand)
    if rank != 4 or axes is None:
        return None
    return {int(axis) % rank for axis in axes}


def _is_float(tensor: gs.Tensor) -> bool:
    """GlobalAveragePool takes no integers."""
    return tensor.dtype in (np.float16, np.float32, np.float64)


def _replace(node: gs.Node, module: Module) -> None:
    source, target = node.inputs[0], node.outputs[0]
    keep_dimensions = bool(node.attrs.get("keepdims", 1))
    node.op, node.attrs, node.inputs = "GlobalAveragePool", {}, [source]
    if keep_dimensions:
        return
    pooled = gs.Variable(
        module.fresh(f"{target.name}.pooled"), target.dtype, (*source.shape[:2], 1, 1)
    )
    node.outputs = [pooled]
    module.graph.nodes.append(gs.Node("Flatten", pooled.name, {"axis": 1}, [pooled], [target]))
