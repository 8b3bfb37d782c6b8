"""Models without the values of their large weights, for what would serialize the whole model."""

from __future__ import annotations

import onnx
from onnx import checker, helper
from onnx.external_data_helper import uses_external_data


def check_light(model: onnx.ModelProto, ir_version: int, *, shapes: bool = True) -> None:
    """Run the checker of onnx as for a model of `ir_version`; with `shapes`, the full one.

    External initializers are checked as inputs of their type and shape: the checker would look for
    their files, and protobuf cannot carry more than 2 GB.

    Raises:
        onnx.checker.ValidationError, onnx.shape_inference.InferenceError: if it is not valid.
    """
    checked = onnx.ModelProto()
    checked.CopyFrom(model)
    checked.ir_version = ir_version
    declared = {value.name for value in checked.graph.input}
    for tensor in _take_external(checked.graph):
        if tensor.name not in declared:
            declared.add(tensor.name)
            checked.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    checker.check_model(checked, full_check=shapes)


def _take_external(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Remove the external initializers of a graph and of its subgraphs."""
    taken = [tensor for tensor in graph.initializer if uses_external_data(tensor)]
    if taken:
        kept = [tensor for tensor in graph.initializer if not uses_external_data(tensor)]
        del graph.initializer[:]
        graph.initializer.extend(kept)
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                taken += _take_external(inner)
    return taken
