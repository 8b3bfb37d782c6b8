"""Let native kernels hand on the coefficients alone that a truncated map has.

JpegPointwiseConv(JpegConvReluTruncate(x), n)
    =>  JpegPointwiseConv<x_frequencies = n>(JpegConvReluTruncate<y_frequencies = n>(x), n)

Where a map in groups of channels has coefficients u + v < n of its tiles only, and what makes it
and all that reads it are operators that take it so. A band goes through 1x1 convolutions with no
activation; their sum with a map has the wider one. Function bodies ignore the attributes. Exact.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.dct.frequencies import full
from jpegcompile.interface import COMPACT_ATTRIBUTES, COMPACT_INPUTS, DOMAIN
from jpegcompile.ir.compact import COMPACT, Y_FREQUENCIES
from jpegcompile.ir.groups import Y_GROUP
from jpegcompile.ir.module import Module
from jpegcompile.ir.nonlinear import is_truncating, output_block
from jpegcompile.ir.rewrite import Pass

# Operators that act on each frequency alone, of all their maps.
_KEEP_BAND = ("JpegPointwiseConv", "JpegPointwiseConvAdd")


class CompactTiles(Pass):
    """Wherever both sides of a map can: no map keeps another from it."""

    name = "compact-tiles"

    def run(self, module: Module) -> bool:
        """Returns whether an attribute changed."""
        before = [dict(node.attrs) for node in module.graph.nodes]
        for node in module.graph.nodes:
            for name in COMPACT_ATTRIBUTES if node.domain == DOMAIN else ():
                node.attrs.pop(name, None)
        for node in module.graph.nodes:
            if Y_GROUP in node.attrs and _can_be(node):
                _mark(node)
        return before != [dict(node.attrs) for node in module.graph.nodes]


def _band_of(node: gs.Node) -> int:
    """Frequencies that the result of a node has, by what it says of its inputs."""
    whole = full(output_block(node))
    if is_truncating(node.op):
        return int(node.attrs["frequencies"])
    if node.op in _KEEP_BAND:
        told = [name for name in COMPACT[node.op] if name in COMPACT_INPUTS]
        return max(int(node.attrs.get(name, whole)) for name in told)
    return whole


def _can_be(node: gs.Node) -> bool:
    """Whether the result of a node, in groups, may stand compactly."""
    (target,) = node.outputs
    if _band_of(node) == full(output_block(node)) or Y_FREQUENCIES not in COMPACT.get(node.op, ()):
        return False
    return all(_takes(reader, target) for reader in target.outputs)


def _takes(reader: gs.Node, tensor: gs.Tensor) -> bool:
    """Whether a node takes a tensor compactly wherever it reads it."""
    if reader.domain != DOMAIN:
        return False
    told = {COMPACT_INPUTS[n] for n in COMPACT.get(reader.op, ()) if n in COMPACT_INPUTS}
    return all(i in told for i, read in enumerate(reader.inputs) if read is tensor)


def _mark(node: gs.Node) -> None:
    """Nodes come in order: what is read by the next ones is told them."""
    (target,) = node.outputs
    band = node.attrs[Y_FREQUENCIES] = _band_of(node)
    for reader in target.outputs:
        for name in COMPACT[reader.op]:
            if name in COMPACT_INPUTS and reader.inputs[COMPACT_INPUTS[name]] is target:
                reader.attrs[name] = band
