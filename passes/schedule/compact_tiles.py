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
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import operand, operator_of, output_block
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.convolution import JPEG_POINTWISE_CONV
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.queries import compact_operands

# The part of all coefficients below which transforms are faster for it.
_FEW = 0.8


class CompactTiles(Pass):
    """Wherever both sides of a map can: no map keeps another from it."""

    name = "compact-tiles"

    def run(self, module: Module) -> bool:
        """Returns whether an attribute changed."""
        before = [dict(node.attrs) for node in module.graph.nodes]
        ours = [(node, o) for node in module.graph.nodes if (o := operator_of(node)) is not None]
        for node, operator in ours:
            for name in compact_operands(operator):
                node.attrs.pop(name, None)
        for node, operator in ours:
            if _can_be(node, operator):
                _mark(node, operator)
        return before != [dict(node.attrs) for node in module.graph.nodes]


def _band_of(node: gs.Node, operator: Operator) -> int:
    """Frequencies that the result of a node has, by what it says of its inputs."""
    whole = full(output_block(node, operator))
    if operator.truncates:
        return int(node.attrs["frequencies"])
    if operator.keeps_band:
        return max(int(node.attrs.get(name, whole)) for name in _inputs(operator))
    return whole


def _can_be(node: gs.Node, operator: Operator) -> bool:
    """Whether the result of a node is in groups and may stand compactly."""
    made, target = operator.outputs[0], node.outputs[0]
    if not made.is_compact or made.group_attribute not in node.attrs:
        return False
    band, block = _band_of(node, operator), output_block(node, operator)
    if band == full(block):
        return False
    pays = band_share(block, band) < _FEW or any(
        _is_pointwise(reader) and operand(reader, "x") is target for reader in target.outputs
    )
    return pays and all(_takes(reader, target) for reader in target.outputs)


def _is_pointwise(node: gs.Node) -> bool:
    operator = operator_of(node)
    return operator is not None and operator.base == JPEG_POINTWISE_CONV


def _takes(reader: gs.Node, tensor: gs.Tensor) -> bool:
    """Whether a node takes a tensor compactly wherever it reads it."""
    operator = operator_of(reader)
    if operator is None:
        return False
    read = (o for o, given in zip(operator.inputs, reader.inputs, strict=False) if given is tensor)
    return all(o.is_compact for o in read)


def _inputs(operator: Operator) -> dict[str, str]:
    """The attributes of a node that tell of an input, and the names of these inputs."""
    return {o.frequencies_attribute: o.name for o in operator.inputs if o.is_compact}


def _mark(node: gs.Node, operator: Operator) -> None:
    """Nodes come in order: what is read by the next ones is told them."""
    made, target = operator.outputs[0], node.outputs[0]
    band = node.attrs[made.frequencies_attribute] = _band_of(node, operator)
    for reader in target.outputs:
        taking = operator_of(reader)
        for attribute, name in _inputs(taking).items() if taking else ():
            if operand(reader, name) is target:
                reader.attrs[attribute] = band
