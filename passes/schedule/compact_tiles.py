"""Store truncated maps compactly: native kernels exchange only the kept coefficients.

JpegPointwiseConv(JpegConvReluTruncate(x), n)
    =>  JpegPointwiseConv<x_frequencies = n>(JpegConvReluTruncate<y_frequencies = n>(x), n)

Applies to a map with grouped channels whose tiles have only the coefficients u + v < n, if its
producer and all readers support compact maps. 1x1 convolutions without activation, and factors and
shifts of channels, keep the number of frequencies. With a residual input, the result has the larger
of the two numbers. Function bodies ignore the attributes. Exact.

A map that a 1x1 convolution reads is compact for every n. A map that is only transformed is compact
if that is faster: transforming most of the coefficients costs as much as transforming all.
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

# Transforms of compact maps are faster below this fraction of all coefficients.
_FEW = 0.8


class CompactTiles(Pass):
    """Marks every map whose producer and readers support compact maps."""

    name = "compact-tiles"

    def run(self, module: Module) -> bool:
        """Mark maps; returns whether an attribute changed."""
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
    """Number of frequencies of a node's output, given the numbers of its inputs."""
    whole = full(output_block(node, operator))
    if operator.truncates:
        return int(node.attrs["frequencies"])
    if operator.keeps_band:
        return max(int(node.attrs.get(name, whole)) for name in _inputs(operator))
    return whole


def _can_be(node: gs.Node, operator: Operator) -> bool:
    """Whether the output of a node has grouped channels and may be compact."""
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
    """Whether a node supports a compact tensor for every operand that reads it."""
    operator = operator_of(reader)
    if operator is None:
        return False
    read = (o for o, given in zip(operator.inputs, reader.inputs, strict=False) if given is tensor)
    return all(o.is_compact for o in read)


def _inputs(operator: Operator) -> dict[str, str]:
    """Names of inputs that may be compact, by the attribute for their frequencies."""
    return {o.frequencies_attribute: o.name for o in operator.inputs if o.is_compact}


def _mark(node: gs.Node, operator: Operator) -> None:
    """Mark the output of a node, and the operands of its readers; nodes are in order."""
    made, target = operator.outputs[0], node.outputs[0]
    band = node.attrs[made.frequencies_attribute] = _band_of(node, operator)
    for reader in target.outputs:
        taking = operator_of(reader)
        for attribute, name in _inputs(taking).items() if taking else ():
            if operand(reader, name) is target:
                reader.attrs[attribute] = band
