"""Nodes of the domain by the names of their operands, which the definitions put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.operators.constants import DOMAIN
from jpegcompile.operators.definition import PIXELS, Operand, Operator
from jpegcompile.operators.registry import OPERATORS

Operands = dict[str, gs.Tensor]


def operator_of(node: gs.Node) -> Operator | None:
    """The definition of a node's operator.

    None for nodes of other domains, and for operators that one model alone has: `Module.operator`.
    """
    return OPERATORS.get(node.op) if node.domain == DOMAIN else None


def is_operator(node: gs.Node, *names: str) -> bool:
    """Whether a node is of the domain, and its operator has one of the names."""
    return node.domain == DOMAIN and node.op in names


def operand(node: gs.Node, name: str) -> gs.Tensor:
    """An input of a node by its name.

    Raises:
        KeyError: if the operator has no such input, or is not of the domain.
    """
    return node.inputs[OPERATORS[node.op].position(name)]


def operands(node: gs.Node) -> Operands:
    """The inputs of a node by their names, optional ones only where they are given.

    Raises:
        KeyError: if the operator is not of the domain.
    """
    return inputs_by_name(OPERATORS[node.op], node.inputs)


def inputs_by_name(operator: Operator, inputs: Sequence[gs.Tensor]) -> Operands:
    """Inputs in the order of a definition by their names."""
    named = zip(operator.inputs, inputs, strict=False)
    return {operand.name: tensor for operand, tensor in named if tensor.name}


def tensors_of(node: gs.Node, operator: Operator) -> list[tuple[Operand, gs.Tensor]]:
    """The operands of a node, inputs and then outputs, each with its tensor."""
    inputs = zip(operator.inputs, node.inputs, strict=False)
    return [*inputs, *zip(operator.outputs, node.outputs, strict=False)]


def make_node(
    operator: Operator | str,
    name: str,
    inputs: Mapping[str, gs.Tensor],
    attrs: Mapping[str, Any],
    outputs: Sequence[gs.Tensor],
) -> gs.Node:
    """A node of the domain.

    Args:
        operator: its definition, or its name in the registry.
        name: of the node.
        inputs: by name.
        attrs: of the node.
        outputs: in the order of the definition.

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
    """Let a node compute its outputs by another operator of the domain.

    Raises:
        KeyError: as `make_node`.
    """
    defined = OPERATORS[operator] if isinstance(operator, str) else operator
    node.op, node.domain, node.attrs = defined.name, DOMAIN, dict(attrs)
    node.inputs = defined.in_order(inputs, gs.Variable.empty())


def block_of(node: gs.Node, operand: Operand) -> int:
    """Block size of a map that a node reads or makes."""
    return 1 if operand.block == PIXELS else int(node.attrs[operand.block])


def input_block(node: gs.Node, operator: Operator) -> int:
    """Block size of the first map that a node reads; 1 if it reads none."""
    return next((block_of(node, o) for o in operator.inputs if o.role == "map"), 1)


def output_block(node: gs.Node, operator: Operator) -> int:
    """Block size of the map that a node makes; 1 if it makes none."""
    return next((block_of(node, o) for o in operator.outputs if o.role == "map"), 1)
