"""The model-local function of an operator: its meaning in a file, for every runtime."""

from __future__ import annotations

from functools import cache

import onnx
from onnx import parser

from jpegcompile.operators.constants import DOMAIN
from jpegcompile.operators.definition import Attribute, Operator


def function_of(operator: Operator, opset: int) -> onnx.FunctionProto:
    """The function of an operator for a model of that opset.

    Raises:
        KeyError: if the operator has no function body.
    """
    return parser.parse_function(_text(operator, opset))


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
