"""Let native kernels hand on the coefficients alone that a truncated map has.

JpegPointwiseConv(JpegConvReluTruncate(x), n)
    =>  JpegPointwiseConv<x_frequencies = n>(JpegConvReluTruncate<y_frequencies = n>(x), n)

Where a map in groups of channels has coefficients u + v < n of its tiles only, and what makes it
and all that reads it are operators that take it so. A band goes through 1x1 convolutions with no
activation, and through factors and shifts of channels; a convolution's sum with a map has the wider
one of the two. Function bodies ignore the attributes. Exact.

A map that 1x1 convolutions read is compact at every n. One that only transforms read is so where
that makes them faster: most coefficients cost as much as all.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.dct.frequencies import band_share, full
from jpegcompile.interface import COMPACT_ATTRIBUTES, DOMAIN, compact_inputs
from jpegcompile.ir.module import Module
from jpegcompile.ir.nonlinear import output_block
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.compact import BY_CHANNEL, COMPACT, Y_FREQUENCIES
from jpegcompile.operators.groups import Y_GROUP
from jpegcompile.operators.nonlinear import is_truncating

# Convolutions that act on each frequency alone, and what does so with all its maps.
_POINTWISE = "JpegPointwiseConv"
_KEEP_BAND = BY_CHANNEL | {_POINTWISE, f"{_POINTWISE}Add"}
# The part of all coefficients below which transforms are faster for it.
_FEW = 0.8


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
        return max(int(node.attrs.get(name, whole)) for name in _inputs(node))
    return whole


def _can_be(node: gs.Node) -> bool:
    """Whether the result of a node, in groups, may stand compactly."""
    (target,) = node.outputs
    band, block = _band_of(node), output_block(node)
    if band == full(block) or Y_FREQUENCIES not in COMPACT.get(node.op, ()):
        return False
    pays = band_share(block, band) < _FEW or any(
        reader.op.startswith(_POINTWISE) and reader.inputs[0] is target for reader in target.outputs
    )
    return pays and all(_takes(reader, target) for reader in target.outputs)


def _takes(reader: gs.Node, tensor: gs.Tensor) -> bool:
    """Whether a node takes a tensor compactly wherever it reads it."""
    if reader.domain != DOMAIN:
        return False
    told = _inputs(reader).values()
    return all(i in told for i, read in enumerate(reader.inputs) if read is tensor)


def _inputs(node: gs.Node) -> dict[str, int]:
    """The attributes of a node that tell of an input, and which."""
    inputs = compact_inputs(node.op)
    return {name: inputs[name] for name in COMPACT.get(node.op, ()) if name in inputs}


def _mark(node: gs.Node) -> None:
    """Nodes come in order: what is read by the next ones is told them."""
    (target,) = node.outputs
    band = node.attrs[Y_FREQUENCIES] = _band_of(node)
    for reader in target.outputs:
        for name, index in _inputs(reader).items():
            if reader.inputs[index] is target:
                reader.attrs[name] = band
