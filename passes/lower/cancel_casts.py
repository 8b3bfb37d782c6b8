"""Remove the casts that lowerings left behind.

ToJpeg(ToSpatial(x))      =>  x
ToSpatial(ToJpeg(x))      =>  x
ToJpeg(x), ToJpeg(x)      =>  one of them
ToSpatial at block size 1 =>  nothing: the domains are the same
Shape(ToSpatial(x))       =>  Shape(x): a map and its twin have one shape    exact
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.interface import TO_JPEG, TO_SPATIAL
from jpegcompile.ir.graph import bypass, is_graph_output, replace_uses
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_SIZES = ("Shape", "Size")
_INVERSE = {TO_JPEG: TO_SPATIAL, TO_SPATIAL: TO_JPEG}


class CancelCasts(Pass):
    """Works on any pair that meets; a ToSpatial that still has spatial readers stays for them."""

    name = "cancel-casts"

    def run(self, module: Module) -> bool:
        """Returns whether a cast was removed."""
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
    """Let operators that ask for nothing but sizes read what the cast reads."""
    readers = [reader for reader in cast.outputs[0].outputs if reader.op in _SIZES]
    for reader in readers:
        reader.inputs = [cast.inputs[0]]
    return bool(readers)


def _cancel(node: gs.Node, module: Module) -> None:
    source, target = node.inputs[0], node.outputs[0]
    if node.attrs["block"] == 1:
        bypass(module.graph, node)
        return
    if not target.outputs and not is_graph_output(module.graph, target):
        # An equal cast has its readers already.
        return
    if source.inputs and source.inputs[0].op == _INVERSE[node.op]:
        producer = source.inputs[0]
        if producer.attrs["block"] == node.attrs["block"]:
            replace_uses(target, producer.inputs[0])
            return
    for twin in list(source.outputs):
        if twin is not node and twin.op == node.op and twin.attrs == node.attrs:
            replace_uses(twin.outputs[0], target)
