"""Check that a node of a jpegcompile operator matches the operator's definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import block_of, tensors_of
from jpegcompile.messages import Message
from jpegcompile.operators.casts import TO_JPEG, TO_SPATIAL
from jpegcompile.operators.definition import AttributeType, Operand, Operator

# isinstance is faster on these than on numbers.Integral.
_WHOLE = (int, np.integer)
_FLOATS = (np.float16, np.float32, np.float64)
_TEXTS: Mapping[AttributeType, str] = {
    "int": "an integer",
    "ints": "a list of integers",
    "float": "a number",
    "string": "a string",
}


def nonconformity(node: gs.Node, operator: Operator, module: Module) -> Message | None:
    """Return the first mismatch between a node and its operator's definition, if any.

    Dimensions that are unknown at compile time match any size.

    Args:
        node: a node of a jpegcompile operator.
        operator: the operator's definition.
        module: the module that contains the node.
    """
    checks = (_counts, _attributes, _types, _shapes, _blocks)
    found = (problem for check in checks for problem in check(node, operator, module))
    return next(found, None)


def _counts(node: gs.Node, operator: Operator, module: Module) -> Iterator[Message]:
    if len(node.inputs) > len(operator.inputs):
        text = f"has {len(node.inputs)} inputs, expected {len(operator.inputs)}"
        yield Message("verify-input-count", text)
    for index, operand in enumerate(operator.inputs):
        is_given = index < len(node.inputs) and not node.inputs[index].is_empty()
        if not is_given and not operand.is_optional:
            yield Message("verify-input-missing", f"has no input '{operand.name}'")
    if len(node.outputs) != len(operator.outputs):
        text = f"has {len(node.outputs)} outputs, expected {len(operator.outputs)}"
        yield Message("verify-output-count", text)


def _attributes(node: gs.Node, operator: Operator, module: Module) -> Iterator[Message]:
    known = {attribute.name: attribute for attribute in operator.all_attributes}
    for name in node.attrs:
        if name not in known:
            yield Message("verify-attribute-unknown", f"has an unknown attribute '{name}'")
    for name, attribute in known.items():
        if name not in node.attrs:
            if attribute.default is None:
                yield Message("verify-attribute-missing", f"has no attribute '{name}'")
        elif not _is_of(node.attrs[name], attribute.type):
            wanted = _TEXTS[attribute.type]
            text = f"has attribute {name} = {node.attrs[name]!r}, expected {wanted}"
            yield Message("verify-attribute-type", text)


def _is_of(value: Any, kind: AttributeType) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "int":
        return isinstance(value, _WHOLE) and not isinstance(value, bool)
    return isinstance(value, list | tuple) and all(_is_of(entry, "int") for entry in value)


def _types(node: gs.Node, operator: Operator, module: Module) -> Iterator[Message]:
    precision = None
    # An operator whose body comes from the model may change the precision.
    is_mixed = operator.name in module.programs
    for operand, tensor in _given(node, operator):
        if tensor.dtype is None:
            continue
        dtype = np.dtype(tensor.dtype)
        if operand.type != "float":
            if dtype != np.dtype(operand.type):
                text = f"has {_of(operand, tensor)} of type {dtype}, expected {operand.type}"
                yield Message("verify-operand-type", text)
        elif dtype not in _FLOATS:
            text = f"has {_of(operand, tensor)} of type {dtype}, expected floating-point numbers"
            yield Message("verify-operand-not-float", text)
        else:
            precision = precision or dtype
            if dtype != precision and not is_mixed:
                text = f"has {_of(operand, tensor)} of type {dtype}, other operands are {precision}"
                yield Message("verify-mixed-precision", text)


def _shapes(node: gs.Node, operator: Operator, module: Module) -> Iterator[Message]:
    sizes: dict[str, int] = {}
    for operand, tensor in _given(node, operator):
        if operand.dimensions is None or tensor.shape is None:
            continue
        shape = tuple(tensor.shape)
        is_broadcast = operand.role == "vector" or operand.is_broadcast
        wanted = operand.dimensions
        if is_broadcast and len(shape) < len(wanted):
            wanted = wanted[len(wanted) - len(shape) :]
        is_right = len(shape) == len(wanted)
        if not is_right or not _fits(shape, wanted, sizes, is_broadcast):
            given = ", ".join(map(str, shape))
            meant = ", ".join(str(sizes.get(name, name)) for name in operand.dimensions)
            text = f"has {_of(operand, tensor)} of shape [{given}], expected [{meant}]"
            yield Message("verify-operand-shape", text)


def _fits(
    shape: Sequence[Any], wanted: Sequence[str], sizes: dict[str, int], is_broadcast: bool
) -> bool:
    """Whether a shape matches the dimension names; adds newly known sizes to `sizes`."""
    for size, name in zip(shape, wanted, strict=True):
        if not isinstance(size, _WHOLE) or name == "?" or (is_broadcast and size == 1):
            continue
        meant = int(name) if name.isdigit() else sizes.get(name, int(size))
        if size != meant:
            return False
        if not is_broadcast and not name.isdigit():
            sizes[name] = meant
    return True


def _blocks(node: gs.Node, operator: Operator, module: Module) -> Iterator[Message]:
    is_cast = operator.name in (TO_JPEG, TO_SPATIAL)
    outputs = zip(operator.outputs, node.outputs, strict=False)
    inputs = zip(operator.inputs, node.inputs, strict=False)
    for side, verb, operands in (("output", "produces", outputs), ("input", "accepts", inputs)):
        for operand, tensor in operands:
            if operand.role != "map" or not isinstance(tensor, gs.Variable):
                continue
            block = block_of(node, operand)
            if module.current_block(tensor) == block:
                continue
            if is_cast:
                yield Message("verify-cast-blocks", "does not match the domains of its tensors")
            yield Message("verify-block-size", f"{verb} block size {block}, its {side} differs")


def _given(node: gs.Node, operator: Operator) -> Iterator[tuple[Operand, gs.Tensor]]:
    return (pair for pair in tensors_of(node, operator) if pair[1].name)


def _of(operand: Operand, tensor: gs.Tensor) -> str:
    return f"'{tensor.name}' as {operand.name}"
