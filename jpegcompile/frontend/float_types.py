"""Floating-point types of tensors, before shapes can be inferred.

Declared types are used as they are. Otherwise, the output of a node has the type of its first
floating-point input, and the output of a Cast has the type of its attribute.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from jpegcompile.frontend.walk import all_graphs

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)


def float_types(graph: onnx.GraphProto) -> dict[str, int]:
    """Return the type of each floating-point tensor of a graph and its subgraphs, by name.

    Tensors that nodes compute from integers only are missing from the result.

    Args:
        graph: a topologically sorted graph.
    """
    types: dict[str, int] = {}
    for each in all_graphs(graph):
        for tensor in each.initializer:
            _note(types, tensor.name, tensor.data_type)
        for value in (*each.input, *each.output, *each.value_info):
            _note(types, value.name, value.type.tensor_type.elem_type)
        for node in each.node:
            made = _type_made(node, types)
            for name in node.output:
                _note(types, name, made)
    return types


def _note(types: dict[str, int], name: str, kind: int) -> None:
    if kind in _FLOATS:
        types.setdefault(name, kind)


def _type_made(node: onnx.NodeProto, types: dict[str, int]) -> int:
    if node.op_type == "Cast":
        to = next((a for a in node.attribute if a.name == "to"), None)
        return TensorProto.UNDEFINED if to is None else int(helper.get_attribute_value(to))
    if node.op_type == "Constant":
        kinds = (a.t.data_type for a in node.attribute if a.name == "value")
        is_number = any(a.name in ("value_float", "value_floats") for a in node.attribute)
        return TensorProto.FLOAT if is_number else next(kinds, TensorProto.UNDEFINED)
    return next((types[name] for name in node.input if name in types), TensorProto.UNDEFINED)
