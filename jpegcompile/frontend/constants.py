"""Rewrite every Constant node to have a typed tensor.

Constant<value_float = 0.5>  =>  Constant<value = float32 0.5>    with the types of the standard

graphsurgeon reads the short forms as float64, or not at all.
"""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto, helper

# Element type and rank of each short form; specification of Constant, opset 12.
_SHORT_FORMS = {
    "value_float": (TensorProto.FLOAT, 0),
    "value_floats": (TensorProto.FLOAT, 1),
    "value_int": (TensorProto.INT64, 0),
    "value_ints": (TensorProto.INT64, 1),
    "value_string": (TensorProto.STRING, 0),
    "value_strings": (TensorProto.STRING, 1),
}


def spell_out_constants(graph: onnx.GraphProto) -> None:
    """Rewrite the Constant nodes of a graph and of its subgraphs, in place."""
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name in _SHORT_FORMS:
                    attribute.CopyFrom(_typed(attribute, node.output[0]))
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                spell_out_constants(inner)


def _typed(attribute: onnx.AttributeProto, name: str) -> onnx.AttributeProto:
    kind, rank = _SHORT_FORMS[attribute.name]
    value: Any = helper.get_attribute_value(attribute)
    values = list(value) if rank else [value]
    tensor = helper.make_tensor(name, kind, [len(values)] * rank, values)
    return helper.make_attribute("value", tensor)
