"""Check that a node has the operands and attributes that its definition describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
from onnx import helper

from jpegcompile.dct.blocks import BLOCK_SIZES
from jpegcompile.frontend.raising.state import State
from jpegcompile.frontend.walk import quoted
from jpegcompile.messages import Message
from jpegcompile.operators.definition import PIXELS, Operator

_KINDS = {
    "int": onnx.AttributeProto.INT,
    "ints": onnx.AttributeProto.INTS,
    "float": onnx.AttributeProto.FLOAT,
    "string": onnx.AttributeProto.STRING,
}
# A convolution of coefficients has its bias as [O, 1, 1], a standard convolution as [O].
CHANNEL_WEIGHTS = "O 1 1"
_GROUPS, _MOST_GROUPS = "groups", 1 << 16


def operands_of(
    state: State, node: onnx.NodeProto, operator: Operator
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the inputs and the attributes of a node by the names of the definition.

    Raises:
        UnsupportedModelError: if an input or attribute is missing, or an attribute has another
            type or an impossible value.
    """
    given = {o.name: name for o, name in zip(operator.inputs, node.input, strict=False) if name}
    problem = next(_problems(state, node, operator, given), None)
    if problem is not None:
        raise state.refusal(
            node,
            Message(
                "own-operator-form",
                f"{problem}, and differs from the definition of its operator; see"
                " docs/operators.md",
            ),
        )
    defaults = {a.name: a.default for a in operator.all_attributes if a.default is not None}
    return given, {**defaults, **{a.name: helper.get_attribute_value(a) for a in node.attribute}}


def is_of_channels(shape: tuple[int | str, ...]) -> bool:
    """Whether a tensor of a shape has one number for each channel, [O, 1, 1]."""
    return len(shape) >= 3 and shape[-2:] == (1, 1) and set(shape[:-3]) <= {1}


def _problems(
    state: State, node: onnx.NodeProto, operator: Operator, given: dict[str, str]
) -> Iterator[str]:
    for operand in operator.inputs:
        if not operand.is_optional and operand.name not in given:
            yield f"lacks {quoted(operand.name)}"
        shape = state.shapes.get(given.get(operand.name, ""))
        if operand.shape == CHANNEL_WEIGHTS and shape is not None and not is_of_channels(shape):
            yield f"has {quoted(operand.name)} with the shape {list(shape)}"
    if len(node.input) > len(operator.inputs) or len(node.output) != 1:
        yield "has other operands"
    attributes = {a.name: a for a in node.attribute}
    blocks = {m.block for m in operator.maps if m.block != PIXELS}
    if operator.ingest:
        blocks.add("block")
    for attribute in operator.all_attributes:
        found = attributes.pop(attribute.name, None)
        if found is None:
            if attribute.default is None:
                yield f"lacks {quoted(attribute.name)}"
        elif found.type != _KINDS[attribute.type]:
            yield f"has {quoted(attribute.name)} with another type than {attribute.type}"
        elif attribute.name in blocks and found.i not in BLOCK_SIZES:
            yield f"has the block size {found.i}"
        elif attribute.name == _GROUPS and not 1 <= found.i <= _MOST_GROUPS:
            yield f"has {found.i} groups"
    if attributes:
        yield f"has an attribute {quoted(min(attributes))}"
