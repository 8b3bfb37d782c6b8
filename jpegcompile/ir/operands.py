"""Access to operands of jpegcompile operators by name; definitions determine their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.operators.constants import DOMAIN
from jpegcompile.operators.definition import PIXELS, Operand, Operator
from jpegcompile.operators.registry import OPERATORS

Operands = dict[str, gs.Tensor]


def operator_of(node: gs.Node) -> Operator | None:
    """Definition of a node's operator in the registry.

    Returns:
        None for nodes of other operator sets, and for operators that only one model defines; see
        `Module.operator` for these.
    """
    return OPERATORS.get(node.op) if node.domain == DOMAIN else None


def is_operator(node: gs.Node, *names: str) -> bool:
    """Whether a node is a jpegcompile operator with one of the names."""
    return node.domain == DOMAIN and node.op in names


def operand(node: gs.Node, name: str) -> gs.Tensor:
    """Return an input of a node by name.

    Raises:
        KeyError: if the operator has no such input, or is not in the registry.
    """
    return node.inputs[OPERATORS[node.op].position(name)]


def operands(node: gs.Node) -> Operands:
    """Return the inputs of a node by name, without optional inputs that the node omits.

    Raises:
        KeyError: if the operator is not in the registry.
    """
    return inputs_by_name(OPERATORS[node.op], node.inputs)


def inputs_by_name(operator: Operator, inputs: Sequence[gs.Tensor]) -> Operands:
    """Map inputs, which are in the order of a definition, to their names."""
    named = zip(operator.inputs, inputs, strict=False)
    return {operand.name: tensor for operand, tensor in named if tensor.name}


def tensors_of(node: gs.Node, operator: Operator) -> list[tuple[Operand, gs.Tensor]]:
    """Pairs of operand definition and tensor of a node: inputs, then outputs."""
    inputs = zip(operator.inputs, node.inputs, strict=False)
    return [*inputs, *zip(operator.outputs, node.outputs, strict=False)]


def make_node(
    operator: Operator | str,
    name: str,
    inputs: Mapping[str, gs.Tensor],
    attrs: Mapping[str, Any],
    outputs: Sequence[gs.Tensor],
) -> gs.Node:
    """Create a node of a jpegcompile operator.

    Args:
        operator: the definition, or the name in the registry.
        name: name of the node.
        inputs: inputs by name.
        attrs: attributes of the node.
        outputs: outputs in the order of the definition.

    Raises:
        KeyError: if the operator or an input is unknown, or an input is missing.
    """
    defined = OPERATORS[operator] if isinstance(operator, str) else operator
    ordered = defined.in_order(inputs, gs.Variable.empty())
    return gs.Node(defined.name, name, dict(attrs), ordered, list(outputs), DOMAIN)


def replace_operator(
    node: gs.Node,
    operator: Operator | str,
    inputs: Mapping[str, gs.Tensor],
    attrs: Mapping[str, Any],
) -> None:
    """Replace the operator of a node by a jpegcompile operator; outputs stay.

    Args:
        node: the node to change.
        operator: the definition, or the name in the registry.
        inputs: inputs by name.
        attrs: attributes of the node.

    Raises:
        KeyError: if the operator or an input is unknown, or an input is missing.
    """
    defined = OPERATORS[operator] if isinstance(operator, str) else operator
    node.op, node.domain, node.attrs = defined.name, DOMAIN, dict(attrs)
    node.inputs = defined.in_order(inputs, gs.Variable.empty())


def block_of(node: gs.Node, operand: Operand) -> int:
    """Block size of a map operand of a node."""
    return 1 if operand.block == PIXELS else int(node.attrs[operand.block])


def input_block(node: gs.Node, operator: Operator) -> int:
    """Block size of a node's first input map; 1 if it has none."""
    return next((block_of(node, o) for o in operator.inputs if o.role == "map"), 1)


def output_block(node: gs.Node, operator: Operator) -> int:
    """Block size of a node's output map; 1 if it has none."""
    return next((block_of(node, o) for o in operator.outputs if o.role == "map"), 1)
