"""Split a reduction over channels and plane: first reduce the plane, then the channels.

ReduceMean(x, axes={1,2,3})  =>  ReduceMean(Flatten(GlobalAveragePool(x)))     exact

ReduceMax and ReduceSum are split in the same way. Normalizations contain such means, so this pass
runs after `canonical_normalization.py`.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import write_axes
from jpegcompile.analysis.reductions import IMAGE, POOLS, REDUCED, REDUCTIONS, reduced_view
from jpegcompile.ir.graph import is_float
from jpegcompile.ir.module import Module
from jpegcompile.ir.reshaped import reshaped
from jpegcompile.ir.rewrite import Pass


class SplitReduction(Pass):
    """Splits reductions over channels and plane."""

    name = "split-reduction"

    def run(self, module: Module) -> bool:
        """Split reductions; returns whether one was split."""
        changed = False
        for node in list(module.graph.nodes):
            op = REDUCTIONS.get(node.op, node.op)
            if op not in REDUCED or not is_float(node.inputs[0]):
                continue
            view, axes = reduced_view(node)
            if view is not None and axes == IMAGE:
                _reduce_channels(node, op, view.source, module)
                changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _reduce_channels(node: gs.Node, op: str, source: gs.Tensor, module: Module) -> None:
    """Reduce the map to vectors [N, C] by a new node; `node` then reduces the vectors."""
    target, nodes = node.outputs[0], module.graph.nodes
    batch, channels = source.shape[:2]
    pooled = gs.Variable(
        module.fresh(f"{target.name}.pooled"), target.dtype, (batch, channels, 1, 1)
    )
    first = gs.Node(POOLS.get(op, op), pooled.name, {}, [source], [pooled])
    nodes.append(first)
    if op == "ReduceSum":
        first.attrs["keepdims"] = 1
        write_axes(first, (2, 3), module)
    flat = gs.Variable(module.fresh(f"{target.name}.flat"), target.dtype, (batch, channels))
    nodes.append(gs.Node("Flatten", flat.name, {"axis": 1}, [pooled], [flat]))
    node.op, node.attrs, node.inputs = op, {"keepdims": 1}, [flat]
    write_axes(node, (1,), module)
    if len(target.shape or ()) != 2:
        node.outputs = [reshaped(target, (batch, 1), "reduced", module)]
