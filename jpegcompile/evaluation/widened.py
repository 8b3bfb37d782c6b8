"""The float32 version of a float16 network: the same weights, without rounding to 11 bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, TensorProto, numpy_helper
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

from jpegcompile.weights.read import tensors_of

# Attributes that name an element type.
_TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype")


def widened(model: onnx.ModelProto, folder: Path | None) -> onnx.ModelProto:
    """Return a copy of a model with float32 in place of float16.

    Args:
        model: the model; its weights may be in external files.
        folder: folder of these files.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.value_info[:]
    for tensor in tensors_of(result.graph):
        if tensor.data_type == TensorProto.FLOAT16:
            if uses_external_data(tensor):
                load_external_data_for_tensor(tensor, str(folder))
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for graph in _graphs(result.graph):
        for value in (*graph.input, *graph.output, *graph.value_info):
            if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
                value.type.tensor_type.elem_type = TensorProto.FLOAT
        for node in graph.node:
            for attribute in node.attribute:
                named = attribute.name in _TYPE_ATTRIBUTES
                if named and attribute.i == TensorProto.FLOAT16:
                    attribute.i = TensorProto.FLOAT
    return result


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph and all graphs within it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _graphs(attribute.g)
            for inner in attribute.graphs:
                yield from _graphs(inner)
