"""Networks in float16 and float64, made of networks in float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_RETYPED = (TensorProto.FLOAT, TensorProto.FLOAT16)


def _retyped(model: onnx.ModelProto, dtype: type[np.floating[Any]]) -> None:
    """Give every float32 and float16 constant of a model another precision, in place."""
    constants = [
        (node.output[0], attribute.t)
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.HasField("t")
    ]
    # Scales of a Resize are float32 whatever its map is.
    scales = {node.input[2] for node in model.graph.node if node.op_type == "Resize"}
    for name, tensor in [*((t.name, t) for t in model.graph.initializer), *constants]:
        if tensor.data_type in _RETYPED and name not in scales:
            values = numpy_helper.to_array(tensor).astype(dtype)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    del model.graph.value_info[:]


def doubled(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network in float64."""
    _retyped(model, np.float64)
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
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


def float32_twin(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float16 network with the same weights, and all arithmetic, in float32: a copy."""
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    _retyped(twin, np.float32)
    for value in [*twin.graph.input, *twin.graph.output]:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in twin.graph.node:
        for attribute in node.attribute if node.op_type == "Cast" else ():
            if attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
    return twin


def distance(actual: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]]) -> float:
    """The largest error of any output, as a fraction of its largest magnitude."""
    return max(
        float(np.abs(a.astype(np.float64) - e).max() / np.abs(e.astype(np.float64)).max())
        for a, e in zip(actual, expected, strict=True)
    )
