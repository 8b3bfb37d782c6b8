"""Let an image input of integers take the pixels of the float decode, which are not rounded.

uint8 x;  Cast(x, to=float32)  =>  float32 x;  Identity(x)

Nodes that move pixels may stand between the two, and any node may read the shape. The same on every
image of integers, so that it is still the model of its file. Exporters write such inputs where the
preprocessing is part of the graph.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.image import image_value
from jpegcompile.frontend.walk import all_nodes

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
# They compute nothing.
_MOVES = ("Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")


def take_float_pixels(
    model: onnx.ModelProto, source: str, image_input: str | None = None
) -> str | None:
    """Make the image input float32 where it is of integers.

    Args:
        model: a checked model, changed in place.
        source: how messages call it.
        image_input: name of the image, as for `image_value`.

    Returns:
        The type that the input had, such as "uint8"; None where nothing changed.

    Raises:
        UnsupportedModelError: if something but a Cast to float32 computes with those integers.
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
            f"{source}: input '{image.name}' is {dtype} and {problem}; only a Cast to float32 may"
            " read it: export the model with a float32 input"
        )
    image.type.tensor_type.elem_type = TensorProto.FLOAT
    for cast in casts:
        cast.op_type = "Identity"
        del cast.attribute[:]
    return dtype


def _integers_of(graph: onnx.GraphProto, image: str) -> set[str]:
    """The image, and what nodes that move pixels make of it."""
    found = {image}
    for node in graph.node:
        if node.op_type in _MOVES and node.input[0] in found:
            found.add(node.output[0])
    return found


def _problem(graph: onnx.GraphProto, integers: set[str], casts: list[onnx.NodeProto]) -> str | None:
    """What stands against pixels that are not rounded; None if nothing does."""
    for cast in casts:
        to = next(a.i for a in cast.attribute if a.name == "to")
        if to != TensorProto.FLOAT:
            kind = helper.tensor_dtype_to_np_dtype(to).name
            return f"node '{cast.name}' casts it to {kind}"
    for node in all_nodes(graph):
        is_fine = node in casts or node.op_type == "Shape" or integers & set(node.output)
        if integers & set(node.input) and not is_fine:
            return f"node '{node.name}' ({node.op_type}) reads it"
    if any(output.name in integers for output in graph.output):
        return "is an output as well"
    return None
