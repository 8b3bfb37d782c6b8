"""Change an integer image input to float32, so that it accepts pixels of the float decode.

uint8 x;  Cast(x, to=float32)  =>  float32 x;  Identity(x)

Nodes that only move pixels are allowed between the input and the Cast, and any node may read the
shape. The model computes the same as before for every image of integers. Exporters write integer
inputs when the preprocessing is part of the graph.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.image import image_value
from jpegcompile.frontend.walk import all_nodes
from jpegcompile.messages import Message

_INTEGERS = frozenset(
    (
        TensorProto.UINT8,
        TensorProto.INT8,
        TensorProto.UINT16,
        TensorProto.INT16,
        TensorProto.UINT32,
        TensorProto.INT32,
        TensorProto.UINT64,
        TensorProto.INT64,
    )
)
# Operators that move pixels without computing.
_MOVES = ("Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")


def take_float_pixels(
    model: onnx.ModelProto, source: str, image_input: str | None = None
) -> str | None:
    """Change an integer image input to float32, in place.

    Args:
        model: a checked model.
        source: name of the model in messages.
        image_input: name of the image input, as for `image_value`.

    Returns:
        The previous type of the input, such as "uint8"; None if nothing changed.

    Raises:
        UnsupportedModelError: if a node other than a Cast to float32 computes with the integers.
    """
    image = image_value(model, image_input)
    if image is None or image.type.tensor_type.elem_type not in _INTEGERS:
        return None
    dtype = helper.tensor_dtype_to_np_dtype(image.type.tensor_type.elem_type).name
    integers = _integers_of(model.graph, image.name)
    casts = [n for n in model.graph.node if n.op_type == "Cast" and n.input[0] in integers]
    problem = _problem(model.graph, integers, casts)
    if problem is not None:
        raise UnsupportedModelError(
            Message(
                problem.code,
                f"{source}: input '{image.name}' is {dtype} and {problem}, but only a Cast to"
                " float32 may read it; export the model with a float32 input",
            )
        )
    image.type.tensor_type.elem_type = TensorProto.FLOAT
    for cast in casts:
        cast.op_type = "Identity"
        del cast.attribute[:]
    return dtype


def _integers_of(graph: onnx.GraphProto, image: str) -> set[str]:
    """Return the image and the tensors that nodes of `_MOVES` compute from it."""
    found = {image}
    for node in graph.node:
        if node.op_type in _MOVES and node.input[0] in found:
            found.add(node.output[0])
    return found


def _problem(
    graph: onnx.GraphProto, integers: set[str], casts: list[onnx.NodeProto]
) -> Message | None:
    """Explain why the input cannot be float32; None if it can."""
    for cast in casts:
        to = next(a.i for a in cast.attribute if a.name == "to")
        if to != TensorProto.FLOAT:
            kind = helper.tensor_dtype_to_np_dtype(to).name
            return Message("integer-image-cast", f"node '{cast.name}' casts it to {kind}")
    for node in all_nodes(graph):
        is_fine = node in casts or node.op_type == "Shape" or integers & set(node.output)
        if integers & set(node.input) and not is_fine:
            return Message("integer-image-read", f"node '{node.name}' ({node.op_type}) reads it")
    if any(output.name in integers for output in graph.output):
        return Message("integer-image-is-output", "it is also an output")
    return None
