"""Convert selections of channels to Gather with a list of channel numbers.

GatherND(x, [[i], [j], ...])              =>  Gather(x, [i, j, ...], axis = 0)
Transpose(Gather(Transpose(x), i, a))     =>  Gather(x, i, a')      the transposes cancel
Gather(x, i, axis = 1)                    =>  Squeeze(Gather(x, [i], axis = 1))
Unsqueeze or Reshape of Squeeze(x)        =>  x                     if it restores the shape of x
Concat of channels of one map             =>  Gather(x, [i, j, ...], axis = 1)           exact
Concat of rows, or of columns, of a map   =>  Gather along that axis; circular padding, torch.roll

The dynamo exporter writes x[:, [2, 1, 0]] in the first two forms. It writes x[:, 2] and torch.stack
in the others.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import write_axes
from jpegcompile.analysis.channels import channels_of
from jpegcompile.ir.graph import bypass, is_float, is_graph_output, static_dims, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_RESHAPING = ("Reshape", "Unsqueeze")


class CanonicalGather(Pass):
    """Rewrites selections with constant indices."""

    name = "canonical-gather"

    def run(self, module: Module) -> bool:
        """Rewrite nodes; returns whether a node was rewritten."""
        changed = False
        # The loop ends: each round removes such nodes, or replaces an index by a list of indices.
        while self._round(module):
            changed = True
        return changed

    def _round(self, module: Module) -> bool:
        changed = False
        for node in list(module.graph.nodes):
            if node.op == "GatherND":
                changed |= _by_one_axis(node, module)
            elif node.op == "Transpose":
                changed |= _without_transposes(node)
            elif node.op == "Gather":
                changed |= _keep_axis(node, module)
            elif node.op in _RESHAPING:
                changed |= _without_squeeze(node, module)
            elif node.op == "Concat":
                changed |= _of_one_map(node, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _by_one_axis(node: gs.Node, module: Module) -> bool:
    """Replace a GatherND whose indices select along one axis, equally for every image."""
    indices, axis = value_of(node.inputs[1]), int(node.attrs.get("batch_dims", 0))
    if indices is None or indices.shape[-1:] != (1,) or indices.ndim != axis + 2:
        return False
    rows = indices.reshape(-1, indices.shape[-2])
    if not rows.size or not (rows == rows[0]).all():
        return False
    given = gs.Constant(module.fresh(f"{node.outputs[0].name}.indices"), rows[0].astype(np.int64))
    node.op, node.attrs, node.inputs = "Gather", {"axis": axis}, [node.inputs[0], given]
    return True


def _without_transposes(last: gs.Node) -> bool:
    """Remove transposes around a Gather that move its axis and move it back."""
    gather = last.inputs[0].inputs[0] if last.inputs[0].inputs else None
    if gather is None or gather.op != "Gather" or not gather.inputs[0].inputs:
        return False
    first, indices = gather.inputs[0].inputs[0], value_of(gather.inputs[1])
    if first.op != "Transpose" or indices is None or indices.ndim != 1:
        return False
    there, back = _permutation(first), _permutation(last)
    if not there or len(there) != len(back) or [there[axis] for axis in back] != sorted(back):
        return False
    axis = int(there[int(gather.attrs.get("axis", 0))])
    last.op, last.attrs = "Gather", {"axis": axis}
    last.inputs = [first.inputs[0], gather.inputs[1]]
    return True


def _permutation(transpose: gs.Node) -> list[int]:
    """Permutation of a Transpose, by default the reverse order; empty if the rank is unknown."""
    rank = len(transpose.inputs[0].shape or ())
    return [int(axis) for axis in transpose.attrs.get("perm", reversed(range(rank)))]


def _keep_axis(node: gs.Node, module: Module) -> bool:
    """Select a single channel with a list of one index, and squeeze the axis afterwards."""
    index, source, target = value_of(node.inputs[1]), node.inputs[0], node.outputs[0]
    is_channel = len(source.shape or ()) == 4 and int(node.attrs.get("axis", 0)) % 4 == 1
    if index is None or index.ndim != 0 or not is_channel or not is_float(source):
        return False
    picked = gs.Variable(
        module.fresh(f"{target.name}.channel"),
        target.dtype,
        (source.shape[0], 1, *source.shape[2:]),
    )
    one = gs.Constant(module.fresh(f"{target.name}.index"), np.asarray([index], np.int64))
    node.inputs, node.outputs = [source, one], [picked]
    squeeze = gs.Node("Squeeze", module.fresh(f"{picked.name}.squeeze"), {}, [picked], [target])
    write_axes(squeeze, [1], module)
    module.graph.nodes.append(squeeze)
    return True


def _without_squeeze(node: gs.Node, module: Module) -> bool:
    """Remove a Squeeze and the node that restores the axis."""
    between, target = node.inputs[0], node.outputs[0]
    if not between.inputs or between.inputs[0].op != "Squeeze":
        return False
    source = between.inputs[0].inputs[0]
    if source.shape is None or target.shape is None or len(source.shape) != 4:
        return False
    if tuple(source.shape) != tuple(target.shape) or static_dims(source.shape[1:]) is None:
        return False
    node.inputs = [source]
    if not bypass(module.graph, node):
        node.op, node.attrs = "Identity", {}
    return True


def _of_one_map(node: gs.Node, module: Module) -> bool:
    axis = int(node.attrs.get("axis", 0)) % 4
    if axis == 0 or len(node.outputs[0].shape or ()) != 4:
        return False
    picked = [(tensor, channels_of(tensor, axis)) for tensor in node.inputs]
    source = next((part[0] for _, part in picked if part is not None), None)
    if source is None or static_dims(source.shape[1:]) is None:
        return False
    order = []
    for tensor, part in picked:
        # The map itself may be a part. A part with other readers would be computed twice.
        if tensor is source:
            order.append(np.arange(int(source.shape[axis])))
        elif (
            part is None
            or part[0] is not source
            or len(tensor.outputs) > 1
            or is_graph_output(module.graph, tensor)
        ):
            return False
        else:
            order.append(part[1])
    name = module.fresh(f"{node.outputs[0].name}.order")
    node.op, node.attrs = "Gather", {"axis": axis}
    node.inputs = [source, gs.Constant(name, np.concatenate(order))]
    return True
