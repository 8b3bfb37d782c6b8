"""Networks in float16 and float64, made of networks in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def _retyped(model: onnx.ModelProto, dtype: type[np.floating[Any]]) -> None:
    """Give every float32 constant of a model another precision, in place."""
    constants = [a.t for node in model.graph.node for a in node.attribute if a.HasField("t")]
    for tensor in [*model.graph.initializer, *constants]:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(dtype)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    del model.graph.value_info[:]


def doubled(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network in float64."""
    _retyped(model, np.float64)
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return model


def narrowed(model: onnx.ModelProto) -> onnx.ModelProto:
    """A network in float64, of plain nodes, in float32."""
    constants = [a.t for node in model.graph.node for a in node.attribute if a.HasField("t")]
    for tensor in [*model.graph.initializer, *constants]:
        if tensor.data_type == TensorProto.DOUBLE:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.FLOAT
    for attribute in (a for node in model.graph.node for a in node.attribute):
        if attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
            attribute.i = TensorProto.FLOAT
    return model


def halved(model: onnx.ModelProto, *, keep_ends: bool = False) -> onnx.ModelProto:
    """The network in float16; `keep_ends` leaves input and output float32, with casts within."""
    _retyped(model, np.float16)
    ends = [*model.graph.input, *model.graph.output]
    if not keep_ends:
        for value in ends:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
        return model
    names = {value.name: f"{value.name}.half" for value in ends}
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    casts = [
        helper.make_node("Cast", [v.name], [names[v.name]], to=TensorProto.FLOAT16)
        for v in model.graph.input
    ]
    back = [
        helper.make_node("Cast", [names[v.name]], [v.name], to=TensorProto.FLOAT)
        for v in model.graph.output
    ]
    nodes = [*casts, *model.graph.node, *back]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
