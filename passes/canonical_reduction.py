"""Spell the mean and the maximum over height and width one way.

ReduceMean(x, axes={2,3}, keepdims=1)         =>  GlobalAveragePool(x)
ReduceMean(x, axes={2,3}, keepdims=0)         =>  Flatten(GlobalAveragePool(x))          exact
ReduceMean(ReduceMean(x, axes={3}), axes={2})  likewise, in either order: x.mean(3).mean(2)
ReduceMax                                      likewise, as GlobalMaxPool
ReduceSum(x, axes={2,3}, keepdims=0)          =>  Flatten(ReduceSum(x, axes={2,3}, keepdims=1))
Unsqueeze(ReduceMax(x, axes={1}, keepdims=0))  =>  ReduceMax(x, axes={1}, keepdims=1)

x may also be flattened, [N, C, HW], transposed, or both; and a pool of sequences is such a mean.
Behind the pass that looks for normalisations, which take such means themselves:

ReduceMean(x, axes={1,2,3})                   =>  ReduceMean(Flatten(GlobalAveragePool(x)))
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.axes import reduced_axes, write_axes
from jpegcompile.ir.graph import bypass, is_float, is_graph_output, static_dims
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.ir.views import View, views_of

_PLANE = {2, 3}
_OF_CHANNELS = ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")
_IMAGE = {1, 2, 3}
_POOLS = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}
_REDUCTIONS = {pool: reduction for reduction, pool in _POOLS.items()}
_REDUCED = (*_POOLS, "ReduceSum")


class CanonicalReduction(Pass):
    """Replace reductions over the plane of a map of rank 4."""

    name = "canonical-reduction"

    def run(self, module: Module) -> bool:
        """Returns whether a node was replaced."""
        changed = False
        for node in list(module.graph.nodes):
            changed |= _keep_channels(node, module)
            op = _REDUCTIONS.get(node.op, node.op)
            if op not in _REDUCED or not is_float(node.inputs[0]):
                continue
            view, axes = _view(node)
            source = None if op == "ReduceSum" or view else _before(node, module.graph)
            if view is not None and axes == _PLANE:
                changed |= _pool(node, op, view.source, module)
            elif source is not None:
                changed |= _pool(node, op, source, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


class SplitReduction(Pass):
    """Replace reductions over channels and plane by one over the plane and one of vectors."""

    name = "split-reduction"

    def run(self, module: Module) -> bool:
        """Returns whether a node was replaced."""
        changed = False
        for node in list(module.graph.nodes):
            op = _REDUCTIONS.get(node.op, node.op)
            if op not in _REDUCED or not is_float(node.inputs[0]):
                continue
            view, axes = _view(node)
            if view is not None and axes == _IMAGE:
                _reduce_channels(node, op, view.source, module)
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
    return node.op in _REDUCTIONS or bool(node.attrs.get("keepdims", 1))


def _view(node: gs.Node) -> tuple[View | None, set[int]]:
    """The map of which a node reduces the plane, or all but the batch, and which of the two."""
    reduced = reduced_axes(node, len(node.inputs[0].shape or ())) or set()
    for view in views_of(node.inputs[0]):
        axes = {axis for dimension in reduced for axis in view.axes[dimension]}
        rest = [a for d, axes in enumerate(view.axes) if d not in reduced for a in axes]
        if (axes == _PLANE and rest == [0, 1]) or (axes == _IMAGE and rest == [0]):
            # A pool of a map is what this pass makes.
            is_made = node.op in _REDUCTIONS and view.source is node.inputs[0]
            return (None, set()) if is_made else (view, axes)
    return None, set()


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


def _pool(node: gs.Node, op: str, source: gs.Tensor, module: Module) -> bool:
    """Let the node reduce the plane of a map, and give what comes of it its shape."""
    target = node.outputs[0]
    if op == "ReduceSum" and node.inputs[0] is source and _keeps_dimensions(node):
        return False
    shape = (*source.shape[:2], 1, 1)
    if len(target.shape or ()) != 4 or tuple(target.shape) != shape:
        node.outputs = [_shaped(target, shape, "pooled", module)]
    if op == "ReduceSum":
        node.attrs["keepdims"] = 1
        node.inputs = [source]
        write_axes(node, (2, 3), module)
    else:
        node.op, node.attrs, node.inputs = _POOLS[op], {}, [source]
    return True


def _reduce_channels(node: gs.Node, op: str, source: gs.Tensor, module: Module) -> None:
    """Let the node reduce vectors [N, C], to which another one reduces the map."""
    target, nodes = node.outputs[0], module.graph.nodes
    batch, channels = source.shape[:2]
    pooled = gs.Variable(
        module.fresh(f"{target.name}.pooled"), target.dtype, (batch, channels, 1, 1)
    )
    first = gs.Node(_POOLS.get(op, op), pooled.name, {}, [source], [pooled])
    nodes.append(first)
    if op == "ReduceSum":
        first.attrs["keepdims"] = 1
        write_axes(first, (2, 3), module)
    flat = gs.Variable(module.fresh(f"{target.name}.flat"), target.dtype, (batch, channels))
    nodes.append(gs.Node("Flatten", flat.name, {"axis": 1}, [pooled], [flat]))
    node.op, node.attrs, node.inputs = op, {"keepdims": 1}, [flat]
    write_axes(node, (1,), module)
    if len(target.shape or ()) != 2:
        node.outputs = [_shaped(target, (batch, 1), "reduced", module)]


def _shaped(
    target: gs.Tensor, shape: tuple[int | str, ...], role: str, module: Module
) -> gs.Variable:
    """A tensor of that shape for a node to make, from which another node makes `target`."""
    made = gs.Variable(module.fresh(f"{target.name}.{role}"), target.dtype, shape)
    rest = static_dims((target.shape or ())[1:])
    if rest is None or len(rest) == 1:
        node = gs.Node("Flatten", made.name, {"axis": 1}, [made], [target])
    else:
        name = module.fresh(f"{target.name}.shape")
        operands = [made, gs.Constant(name, np.asarray([0, *rest], np.int64))]
        node = gs.Node("Reshape", made.name, {}, operands, [target])
    module.graph.nodes.append(node)
    return made
