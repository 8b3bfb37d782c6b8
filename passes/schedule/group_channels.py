"""Store maps with grouped channels, [N, C/16, H, W, 16], between native kernels.

JpegRelu(JpegConv(x))  =>  JpegRelu<x_group = 16>(JpegConv<y_group = 16>(x))

Applies to maps whose channels are a multiple of the group, if their producer and all readers
support groups. Standard operators that do not depend on the order of elements also support groups:
elementwise functions, sums and products of grouped maps, and Concat of channels. Inputs and
outputs of the graph keep their layout. Only for float32, since there are no kernels for other
types; function bodies ignore the attributes. Exact.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import is_graph_output, static_dims, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import operator_of, tensors_of
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.constants import DOMAIN
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.pixelwise import FUNCTIONS

# Precision of the kernels.
_PRECISION = np.float32
# Functions of one element, or of elements at the same position.
_ELEMENTWISE = frozenset(
    (
        *FUNCTIONS,
        *("Ceil", "Clip", "Floor", "Identity", "LeakyRelu", "Log", "Neg", "PRelu", "Reciprocal"),
        *("Relu", "Round", "Sign", "Sqrt", "ThresholdedRelu"),
        *("Add", "Div", "Max", "Mean", "Min", "Mul", "Pow", "Sub", "Sum"),
    )
)


class GroupChannels(Pass):
    """Groups as many maps as possible; a map that cannot be grouped excludes connected maps."""

    name = "group-channels"

    def __init__(self, group: int) -> None:
        """Create the pass.

        Args:
            group: number of channels in a group.
        """
        self._group = group

    def run(self, module: Module) -> bool:
        """Mark maps; returns whether an attribute changed."""
        grouped = _grouped(module, self._group)
        changed = False
        for node in module.graph.nodes:
            operator = operator_of(node)
            if operator is not None:
                changed |= _mark(node, operator, grouped, self._group)
        return changed


def _mark(node: gs.Node, operator: Operator, grouped: set[int], group: int) -> bool:
    before = dict(node.attrs)
    for operand, tensor in tensors_of(node, operator):
        node.attrs.pop(operand.group_attribute, None)
        if operand.is_grouped and id(tensor) in grouped:
            node.attrs[operand.group_attribute] = group
    return before != dict(node.attrs)


def _grouped(module: Module, group: int) -> set[int]:
    """`id` of every grouped tensor."""
    inside = {id(node) for node in module.graph.nodes}
    found = {
        id(tensor): tensor
        for node in module.graph.nodes
        for tensor in node.outputs
        if _can_be(tensor, module, inside, group)
    }
    waiting = list(module.graph.nodes)
    while waiting:
        for tensor in _refused(waiting.pop(), found):
            del found[id(tensor)]
            waiting += [*tensor.inputs, *tensor.outputs]
    return set(found)


def _can_be(tensor: gs.Tensor, module: Module, inside: set[int], group: int) -> bool:
    """Whether a tensor is a map of whole groups that is neither an output nor read in a subgraph.

    Maps of 1x1 have the same order of elements in both layouts, so they are excluded.
    """
    shape = static_dims((tensor.shape or ())[1:])
    if tensor.dtype != _PRECISION or shape is None or len(shape) != 3:
        return False
    if shape[0] % group or shape[1:] == (1, 1) or is_graph_output(module.graph, tensor):
        return False
    return all(id(reader) in inside for reader in tensor.outputs)


def _refused(node: gs.Node, found: dict[int, gs.Tensor]) -> list[gs.Tensor]:
    """Inputs and outputs of a node that cannot be grouped because of the node."""
    around = [t for t in {id(t): t for t in (*node.inputs, *node.outputs)}.values() if t.name]
    grouped = [t for t in around if id(t) in found]
    if node.domain == DOMAIN:
        operator = operator_of(node)
        told = [] if operator is None else tensors_of(node, operator)
        taken = {id(tensor) for operand, tensor in told if operand.is_grouped}
        # Operands for which the operator has no layout attribute.
        untold = {id(tensor) for operand, tensor in told if not operand.is_grouped}
        return [t for t in grouped if id(t) not in taken - untold]
    return [] if _keeps_order(node, around, found) else grouped


def _keeps_order(node: gs.Node, around: list[gs.Tensor], found: dict[int, gs.Tensor]) -> bool:
    """Whether a standard operator computes the same if all its maps are grouped."""
    maps = [t for t in around if not _is_number(t)]
    if not all(id(t) in found for t in maps):
        return False
    if node.op == "Concat":
        return int(node.attrs["axis"]) % 4 == 1
    shapes = {tuple(t.shape) for t in maps}
    return node.op in _ELEMENTWISE and len(shapes) == 1


def _is_number(tensor: gs.Tensor) -> bool:
    value = value_of(tensor)
    return value is not None and value.size == 1 and value.ndim <= 4
