"""Replace reshapes that rearrange pixels and channels by named operators.

Reshape(Transpose(Reshape(x)))  =>  Gather(x, channels)                 channel shuffle
Reshape(Transpose(Reshape(x)))  =>  Gather(SpaceToDepth(x), channels)   pixel unshuffle
Reshape(Transpose(Reshape(x)))  =>  DepthToSpace(Gather(x, channels))   pixel shuffle
DepthToSpace<mode = CRD>(x)     =>  DepthToSpace(Gather(x, channels))

Exact: the pass applies the reshapes to a map of element numbers to find the rearrangement. The
Gather is omitted if channels keep their order.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.shape_values import reshape_target
from jpegcompile.dct.rearrange import (
    Indices,
    Rearrangement,
    column_order,
    is_in_order,
    rearrangement_of,
)
from jpegcompile.ir.graph import is_float, is_graph_output, static_dims
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class CanonicalRearrangement(Pass):
    """Rewrites maps of known channels, height and width whose batch stays the first dimension."""

    name = "canonical-rearrangement"

    def run(self, module: Module) -> bool:
        """Rewrite nodes; returns whether a node was replaced."""
        changed = False
        for node in list(module.graph.nodes):
            if node.op == "DepthToSpace":
                changed |= _take_columns_first(node, module)
            elif node.op == "Transpose":
                changed |= _name(node, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _take_columns_first(node: gs.Node, module: Module) -> bool:
    source, side = node.inputs[0], int(node.attrs["blocksize"])
    if node.attrs.get("mode", "DCR") != "CRD" or static_dims((source.shape or ())[1:2]) is None:
        return False
    del node.attrs["mode"]
    order = column_order(source.shape[1], side)
    if not is_in_order(order):
        node.inputs = [_taken(source, order, node.outputs[0], module)]
    return True


def _name(transpose: gs.Node, module: Module) -> bool:
    ends = _neighbors(transpose, module.graph)
    match = None if ends is None else _rearrangement(ends[0], transpose, ends[1])
    if ends is None or match is None:
        return False
    source, target = ends[0].inputs[0], ends[1].outputs[0]
    ends[1].outputs = []
    attrs, nodes = {"blocksize": match.blocksize}, module.graph.nodes
    name = module.fresh(f"{target.name}.{match.op}")
    if not match.op:
        _gather(source, match.channels, target, module)
    elif match.keeps_channels:
        nodes.append(gs.Node(match.op, name, attrs, [source], [target]))
    elif match.op == "DepthToSpace":
        taken = _taken(source, match.channels, target, module)
        nodes.append(gs.Node(match.op, name, attrs, [taken], [target]))
    else:
        moved = gs.Variable(module.fresh(f"{target.name}.depth"), target.dtype, target.shape)
        nodes.append(gs.Node(match.op, name, attrs, [source], [moved]))
        _gather(moved, match.channels, target, module)
    return True


def _neighbors(transpose: gs.Node, graph: gs.Graph) -> tuple[gs.Node, gs.Node] | None:
    """Return the reshapes before and after; None if the tensors between have other readers."""
    before, after = transpose.inputs[0], transpose.outputs[0]
    if len(before.inputs) != 1 or len(before.outputs) != 1 or len(after.outputs) != 1:
        return None
    first, last = before.inputs[0], after.outputs[0]
    if first.op != "Reshape" or last.op != "Reshape" or last.inputs[0] is not after:
        return None
    if is_graph_output(graph, before) or is_graph_output(graph, after):
        return None
    return first, last


def _rearrangement(first: gs.Node, transpose: gs.Node, last: gs.Node) -> Rearrangement | None:
    """Return the rearrangement that three nodes compute; None if it has no named operator."""
    source, middle, target = first.inputs[0].shape, reshape_target(first), last.outputs[0].shape
    if source is None or middle is None or target is None or len(source) != 4 or len(target) != 4:
        return None
    if not is_float(first.inputs[0]):
        return None
    order = [int(axis) for axis in transpose.attrs.get("perm", ())]
    if order[:1] != [0] or len(order) != len(middle) or not source[0] == middle[0] == target[0]:
        return None
    sizes = [static_dims(shape[1:]) for shape in (source, middle, target)]
    if sizes[0] is None or sizes[1] is None or sizes[2] is None:
        return None
    (channels, height, width), (made, high, wide) = sizes[0], sizes[2]
    axes = [axis - 1 for axis in order[1:]]
    return rearrangement_of((channels, height, width), sizes[1], axes, (made, high, wide))


def _taken(source: gs.Tensor, order: Indices, target: gs.Tensor, module: Module) -> gs.Tensor:
    """Append a Gather of the channels of `source`, for the node that computes `target`."""
    name = module.fresh(f"{target.name}.channels")
    result = gs.Variable(name, source.dtype, source.shape)
    _gather(source, order, result, module)
    return result


def _gather(source: gs.Tensor, order: Indices, target: gs.Tensor, module: Module) -> None:
    indices = gs.Constant(module.fresh(f"{target.name}.order"), order.astype(np.int64))
    name = module.fresh(f"{target.name}.gather")
    module.graph.nodes.append(gs.Node("Gather", name, {"axis": 1}, [source, indices], [target]))
