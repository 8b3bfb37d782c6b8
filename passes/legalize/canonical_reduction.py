"""Convert reductions over height and width to global pooling.

ReduceMean(x, axes={2,3}, keepdims=1)         =>  GlobalAveragePool(x)
ReduceMean(x, axes={2,3}, keepdims=0)         =>  Flatten(GlobalAveragePool(x))          exact
ReduceMean(ReduceMean(x, axes={3}), axes={2})  =>  the same, in either order: x.mean(3).mean(2)
ReduceMax                                      =>  the same with GlobalMaxPool
ReduceSum(x, axes={2,3}, keepdims=0)          =>  Flatten(ReduceSum(x, axes={2,3}, keepdims=1))
Unsqueeze(ReduceMax(x, axes={1}, keepdims=0))  =>  ReduceMax(x, axes={1}, keepdims=1)

x may also be flattened to [N, C, HW], transposed, or both. Global pooling of such a sequence is
converted, too.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import reduced_axes, write_axes
from jpegcompile.analysis.reductions import PLANE, POOLS, REDUCED, REDUCTIONS, reduced_view
from jpegcompile.ir.graph import bypass, is_float, is_graph_output, static_dims
from jpegcompile.ir.module import Module
from jpegcompile.ir.reshaped import reshaped
from jpegcompile.ir.rewrite import Pass

_OF_CHANNELS = ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")


class CanonicalReduction(Pass):
    """Replaces reductions over the plane of a map of rank 4."""

    name = "canonical-reduction"

    def run(self, module: Module) -> bool:
        """Replace nodes; returns whether a node was replaced."""
        changed = False
        for node in list(module.graph.nodes):
            changed |= _keep_channels(node, module)
            op = REDUCTIONS.get(node.op, node.op)
            if op not in REDUCED or not is_float(node.inputs[0]):
                continue
            view, axes = reduced_view(node)
            source = None if op == "ReduceSum" or view else _before(node, module.graph)
            if view is not None and axes == PLANE:
                changed |= _pool(node, op, view.source, module)
            elif source is not None:
                changed |= _pool(node, op, source, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _keep_channels(node: gs.Node, module: Module) -> bool:
    """Let a reduction over channels keep the axis, and restore the output shape by a Reshape."""
    if node.op not in _OF_CHANNELS or not is_float(node.inputs[0]) or _keeps_dimensions(node):
        return False
    source, target = node.inputs[0], node.outputs[0]
    plane = static_dims((source.shape or ())[2:])
    if reduced_axes(node, 4) != {1} or plane is None:
        return False
    shape = (source.shape[0], 1, *plane)
    kept = gs.Variable(module.fresh(f"{target.name}.kept"), target.dtype, shape)
    for reader in list(target.outputs):
        is_reshape = reader.op in ("Reshape", "Unsqueeze") and reader.inputs[0] is target
        if is_reshape and tuple(reader.outputs[0].shape or ()) == shape:
            reader.op, reader.attrs, reader.inputs = "Identity", {}, [kept]
            bypass(module.graph, reader)
    node.attrs["keepdims"] = 1
    node.outputs = [kept]
    if target.outputs or is_graph_output(module.graph, target):
        values = np.asarray([0, *plane], np.int64)
        name = f"shape.{plane[0]}.{plane[1]}"
        constant = module.constants.share(name, values, np.dtype(np.int64))
        module.graph.nodes.append(gs.Node("Reshape", kept.name, {}, [kept, constant], [target]))
    return True


def _keeps_dimensions(node: gs.Node) -> bool:
    return node.op in REDUCTIONS or bool(node.attrs.get("keepdims", 1))


def _before(second: gs.Node, graph: gs.Graph) -> gs.Tensor | None:
    """Return the map whose height and width two nodes reduce one by one; None if they do not."""
    between = second.inputs[0]
    if len(between.inputs) != 1 or len(between.outputs) != 1 or is_graph_output(graph, between):
        return None
    first = between.inputs[0]
    if first.op != second.op or _keeps_dimensions(first) != _keeps_dimensions(second):
        return None
    first_axes = reduced_axes(first, 4)
    if first_axes is None or len(first_axes) != 1:
        return None
    if _keeps_dimensions(first):
        second_axes = reduced_axes(second, 4)
    else:
        # The first node has removed height or width, so the other one is the last axis.
        second_axes = PLANE - first_axes if reduced_axes(second, 3) == {2} else None
    if second_axes is None or len(second_axes) != 1 or first_axes | second_axes != PLANE:
        return None
    return first.inputs[0]


def _pool(node: gs.Node, op: str, source: gs.Tensor, module: Module) -> bool:
    """Let the node reduce the plane of a map, and restore its output shape."""
    target = node.outputs[0]
    if op == "ReduceSum" and node.inputs[0] is source and _keeps_dimensions(node):
        return False
    shape = (*source.shape[:2], 1, 1)
    if len(target.shape or ()) != 4 or tuple(target.shape) != shape:
        node.outputs = [reshaped(target, shape, "pooled", module)]
    if op == "ReduceSum":
        node.attrs["keepdims"] = 1
        node.inputs = [source]
        write_axes(node, (2, 3), module)
    else:
        node.op, node.attrs, node.inputs = POOLS[op], {}, [source]
    return True
