"""Create ONNX functions and nodes of `jpegcompile` operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import onnx
from onnx import helper, parser

from jpegcompile.operators.constants import DOMAIN
from jpegcompile.operators.definition import Attribute, Operator


def function_of(operator: Operator, opset: int) -> onnx.FunctionProto:
    """Return the ONNX function of an operator for a model of that opset.

    Raises:
        KeyError: if the operator has no function body.
    """
    return parser.parse_function(_text(operator, opset))


def spatial_function_of(operator: Operator, opset: int) -> onnx.FunctionProto:
    """Return the operator on pixels as a function with the operator's own inputs and outputs.

    Raises:
        KeyError: if the operator has no fixed spatial form.
    """
    return parser.parse_function(_text(replace(operator, bodies=operator.spatial), opset))


def node_of(
    operator: Operator,
    inputs: Mapping[str, str],
    outputs: Sequence[str],
    name: str = "",
    **attributes: Any,
) -> onnx.NodeProto:
    """Return an ONNX node of an operator.

    Args:
        operator: the operator.
        inputs: names of tensors by operand name.
        outputs: names of tensors in the order of the definition.
        name: name of the node.
        attributes: attributes of the node.

    Raises:
        KeyError: if an operand is unknown or missing.
    """
    ordered = operator.in_order(inputs, "")
    return helper.make_node(
        operator.name, ordered, list(outputs), name=name or None, domain=DOMAIN, **attributes
    )


@cache
def _text(operator: Operator, opset: int) -> str:
    attributes = ", ".join(_declared(attribute) for attribute in operator.all_attributes)
    inputs = ", ".join(operand.name for operand in operator.inputs)
    outputs = ", ".join(operand.name for operand in operator.outputs)
    return (
        f'<opset_import: ["" : {opset}], domain: "{DOMAIN}"> {operator.name}'
        f"{f' <{attributes}>' if attributes else ''} ({inputs}) => ({outputs})\n"
        f"    {{{operator.body(opset).statements}\n    }}"
    )


def _declared(attribute: Attribute) -> str:
    if attribute.default is None:
        return attribute.name
    default = f'"{attribute.default}"' if attribute.type == "string" else attribute.default
    return f"{attribute.name}: {attribute.type} = {default}"
