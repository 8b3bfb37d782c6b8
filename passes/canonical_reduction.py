"""Spell the mean and the maximum over height and width one way.

ReduceMean(x, axes={2,3}, keepdims=1)         =>  GlobalAveragePool(x)
ReduceMean(x, axes={2,3}, keepdims=0)         =>  Flatten(GlobalAveragePool(x))          exact
ReduceMean(ReduceMean(x, axes={3}), axes={2})  likewise, in either order: x.mean(3).mean(2)
ReduceMax                                      likewise, as GlobalMaxPool
ReduceSum(x, axes={2,3}, keepdims=0)          =>  Flatten(ReduceSum(x, axes={2,3}, keepdims=1))
Unsqueeze(ReduceMax(x, axes={1}, keepdims=0))  =>  ReduceMax(x, axes={1}, keepdims=1)
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import (
    bypass,
    input_at,
    is_float,
    is_graph_output,
    static_dims,
    value_of,
)
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_PLANE = {2, 3}
_OF_CHANNELS = ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")
_POOLS = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}


class CanonicalReduction(Pass):
    """Replace reductions over the plane of a map of rank 4."""

    name = "canonical-reduction"

    def run(self, module: Module) -> bool:
        """Returns whether a node was replaced."""
        changed = False
        for node in list(module.graph.nodes):
            changed |= _keep_channels(node, module)
            if node.op not in (*_POOLS, "ReduceSum") or not is_float(node.inputs[0]):
                continue
            over_plane = reduced_axes(node, 4) == _PLANE
            if node.op in _POOLS:
                source = node.inputs[0] if over_plane else _before(node, module.graph)
                if source is not None:
                    _replace(node, source, module)
                    changed = True
            elif over_plane and not _keeps_dimensions(node):
                node.attrs["keepdims"] = 1
                _flatten(node, node.inputs[0], module)
                changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _keep_channels(node: gs.Node, module: Module) -> bool:
    """Let a reduction over channels, of known extents, make a map of one channel."""
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
    return bool(node.attrs.get("keepdims", 1))


def reduced_axes(node: gs.Node, wanted_rank: int) -> set[int] | None:
    """Axes as non-negative numbers; None where they, or an input of that rank, are not known."""
    rank = len(node.inputs[0].shape or ())
    axes = node.attrs.get("axes")
    operand = input_at(node, 1)
    if operand is not None:
        axes = value_of(operand)
    if rank != wanted_rank or axes is None:
        return None
    return {int(axis) % rank for axis in axes}


def _before(second: gs.Node, graph: gs.Graph) -> gs.Tensor | None:
    """The map that two nodes reduce, one axis after the other; None if they do not."""
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
        # One of height and width is gone; the other is the last of three.
        second_axes = _PLANE - first_axes if reduced_axes(second, 3) == {2} else None
    if second_axes is None or len(second_axes) != 1 or first_axes | second_axes != _PLANE:
        return None
    return first.inputs[0]


def _replace(node: gs.Node, source: gs.Tensor, module: Module) -> None:
    keep_dimensions = _keeps_dimensions(node)
    node.op, node.attrs, node.inputs = _POOLS[node.op], {}, [source]
    if not keep_dimensions:
        _flatten(node, source, module)


def _flatten(node: gs.Node, source: gs.Tensor, module: Module) -> None:
    """Bring what the node makes of a map, now [N, C, 1, 1], to [N, C]."""
    target = node.outputs[0]
    pooled = gs.Variable(
        module.fresh(f"{target.name}.pooled"), target.dtype, (*source.shape[:2], 1, 1)
    )
    node.outputs = [pooled]
    module.graph.nodes.append(gs.Node("Flatten", pooled.name, {"axis": 1}, [pooled], [target]))
