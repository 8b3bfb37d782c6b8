"""Remove casts that cancel.

ToJpeg(ToSpatial(x))      =>  x
ToSpatial(ToJpeg(x))      =>  x
ToJpeg(x), ToJpeg(x)      =>  one ToJpeg(x)
ToSpatial at block size 1 =>  removed, since the domains are the same
Shape(ToSpatial(x))       =>  Shape(x), since both have one shape    exact
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import bypass, is_graph_output, replace_uses
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import operand
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.casts import TO_JPEG, TO_SPATIAL

_SIZES = ("Shape", "Size")
_INVERSE = {TO_JPEG: TO_SPATIAL, TO_SPATIAL: TO_JPEG}


class CancelCasts(Pass):
    """Removes adjacent casts; a ToSpatial with spatial readers stays."""

    name = "cancel-casts"

    def run(self, module: Module) -> bool:
        """Remove casts; returns whether a cast was removed."""
        before = len(module.graph.nodes)
        changed = False
        for node in list(module.graph.nodes):
            if node.op in _INVERSE:
                changed |= _free_sizes(node)
                _cancel(node, module)
        module.graph.cleanup().toposort()
        module.report.casts = sum(node.op in _INVERSE for node in module.graph.nodes)
        return changed or len(module.graph.nodes) != before


def _free_sizes(cast: gs.Node) -> bool:
    """Let operators that read only the shape read the input of the cast."""
    readers = [reader for reader in cast.outputs[0].outputs if reader.op in _SIZES]
    for reader in readers:
        reader.inputs = [operand(cast, "x")]
    return bool(readers)


def _cancel(node: gs.Node, module: Module) -> None:
    source, target = operand(node, "x"), node.outputs[0]
    if node.attrs["block"] == 1:
        bypass(module.graph, node)
        return
    if not target.outputs and not is_graph_output(module.graph, target):
        # Its readers already read an equal cast.
        return
    if source.inputs and source.inputs[0].op == _INVERSE[node.op]:
        producer = source.inputs[0]
        if producer.attrs["block"] == node.attrs["block"]:
            replace_uses(target, operand(producer, "x"))
            return
    for twin in list(source.outputs):
        if twin is not node and twin.op == node.op and twin.attrs == node.attrs:
            replace_uses(twin.outputs[0], target)
