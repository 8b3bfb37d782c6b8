"""Raise a node of a `jpegcompile` operator: the same operator on pixels.

y = JpegOp(x)  =>  pixels of y = Op(pixels of x)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx

from jpegcompile.frontend.raising.form import CHANNEL_WEIGHTS, operands_of
from jpegcompile.frontend.raising.inlined import SEPARABLE
from jpegcompile.frontend.raising.masks import note_mask
from jpegcompile.frontend.raising.normalizations import (
    raise_batch_normalization,
    raise_group_normalization,
)
from jpegcompile.frontend.raising.program import raise_program
from jpegcompile.frontend.raising.separable import raise_separable
from jpegcompile.frontend.raising.state import Size, State, Value
from jpegcompile.frontend.raising.statements import append_spatial
from jpegcompile.frontend.raising.transforms import check_transforms
from jpegcompile.messages import Message
from jpegcompile.operators.definition import PIXELS, Operand, Operator
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.operators.separable import RESIZE

# A separable operator of unknown name.
ANY_SEPARABLE = replace(OPERATORS[RESIZE], name=SEPARABLE)


def raise_node(state: State, node: onnx.NodeProto) -> None:
    """Append the spatial form of a node of a `jpegcompile` operator.

    Raises:
        UnsupportedModelError: if the node is not as its definition says, or has no spatial form.
    """
    operator = ANY_SEPARABLE if node.op_type == SEPARABLE else OPERATORS.get(node.op_type)
    if operator is None or operator.raising == "program":
        raise_program(state, node)
        return
    if operator.raising == "ingest":
        raise_ingest(state, node)
        return
    given, attributes = operands_of(state, node, operator)
    blocks = (block_of(operator.inputs, attributes), block_of(operator.outputs, attributes))
    if operator.ingest:
        blocks = (int(attributes["block"]), blocks[1])
    frequencies = attributes.get("frequencies")
    sizes = check_transforms(state, node, operator, given, blocks, frequencies)
    inputs = _inputs(state, node, operator, given, attributes, sizes)
    target = node.output[0] if blocks[1] == 1 else state.twin(node.output[0])
    if operator.raising == "separable":
        made = raise_separable(state, node, given, inputs["x"], blocks, target)
    elif operator.raising == "batch-normalization":
        made = raise_batch_normalization(state, node, given, inputs, target)
    elif operator.raising == "group-normalization":
        made = raise_group_normalization(state, node, given, inputs, attributes, target)
    else:
        made = append_spatial(state, node, operator, inputs, target)
    state.raised += 1
    note_mask(state, node, operator, blocks, frequencies)
    size = sizes[1] or _declared_size(state, node.output[0]) or _size_of_x(state, given)
    if blocks[1] > 1:
        state.require_tiled(node.output[0], blocks[1], size, node)
    if made != node.output[0] or blocks[1] > 1:
        state.values[node.output[0]] = Value(made, blocks[1], size)


def raise_ingest(state: State, node: onnx.NodeProto) -> None:
    """Omit a node that reads a file: the image is an input of the new graph."""
    if state.image is None:
        raise state.refusal(
            node,
            Message(
                "own-ingest-without-metadata",
                "computes the image from a file, and the model has no metadata of jpegcompile that"
                " describe the image; give the model as jpegcompile compile wrote it",
            ),
        )
    state.raised += 1


def block_of(operands: tuple[Operand, ...], attributes: dict[str, Any]) -> int:
    """Return the block size of the first map among operands; 1 without a map."""
    for operand in operands:
        if operand.role == "map":
            return 1 if operand.block == PIXELS else int(attributes[operand.block])
    return 1


def _inputs(
    state: State,
    node: onnx.NodeProto,
    operator: Operator,
    given: dict[str, str],
    attributes: dict[str, Any],
    sizes: tuple[Size | None, Size | None],
) -> dict[str, str]:
    """Return the inputs of the spatial form by operand name."""
    inputs: dict[str, str] = {}
    for operand in operator.inputs:
        name = given.get(operand.name)
        if name is None or operand.role in ("matrix", "plane", "bytes", "index"):
            continue
        if operand.role == "map":
            block = 1 if operand.block == PIXELS else int(attributes[operand.block])
            size = _declared_size(state, name) or sizes[operand.name == "residual"]
            size = size or _size_of_x(state, given)
            inputs[operand.name] = state.pixels(name, block, size, node)
        elif operand.shape == CHANNEL_WEIGHTS and operand.role == "weights":
            inputs[operand.name] = _flat(state, name)
        else:
            inputs[operand.name] = state.raw(name)
    if operator.ingest:
        raise_ingest(state, node)
        assert state.image is not None
        inputs["x"] = state.image.pixels
    return inputs


def _flat(state: State, name: str) -> str:
    """Return a vector of channels [O, 1, 1] as [O]."""
    values = state.array(name)
    if values is not None:
        return state.constant(f"{name}.flat", values.reshape(-1))
    size = state.shared("raised.flat", np.asarray([-1]))
    return state.add("Reshape", [state.raw(name), size])


def _declared_size(state: State, name: str) -> Size | None:
    """Return the declared height and width of a tensor of the old graph, if they are fixed."""
    shape = state.shapes.get(name, ())
    if len(shape) != 4:
        return None
    height, width = shape[2:]
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def _size_of_x(state: State, given: dict[str, str]) -> Size | None:
    value = state.values.get(given.get("x", ""))
    return None if value is None else value.size
