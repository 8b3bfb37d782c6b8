"""Models without the values of their large weights, for what would serialize the whole model."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import onnx
from onnx import checker, helper
from onnx.external_data_helper import uses_external_data

# Smaller ones may be shapes and axes, whose values inference needs.
_SMALL = 4096


def without_values(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose larger initializers are inputs of their type and shape, for shape inference."""
    light = onnx.ModelProto()
    light.CopyFrom(model)
    # Below 4, inference takes initializers for nothing that are no inputs.
    light.ir_version = max(light.ir_version, 4)
    _declare_as_inputs(light.graph, _take(light.graph, lambda t: t.ByteSize() > _SMALL))
    _declare_as_inputs(light.graph, _take(light.graph, uses_external_data))
    return light


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
    _declare_as_inputs(checked.graph, _take_external(checked.graph))
    checker.check_model(checked, full_check=shapes)


def _declare_as_inputs(graph: onnx.GraphProto, tensors: Iterable[onnx.TensorProto]) -> None:
    declared = {value.name for value in graph.input}
    for tensor in tensors:
        if tensor.name not in declared:
            declared.add(tensor.name)
            graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )


def _take_external(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Remove the external initializers of a graph and of its subgraphs."""
    taken = _take(graph, uses_external_data)
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                taken += _take_external(inner)
    return taken


def _take(
    graph: onnx.GraphProto, is_taken: Callable[[onnx.TensorProto], bool]
) -> list[onnx.TensorProto]:
    """Remove initializers of a graph."""
    taken = [tensor for tensor in graph.initializer if is_taken(tensor)]
    if taken:
        kept = [tensor for tensor in graph.initializer if not is_taken(tensor)]
        del graph.initializer[:]
        graph.initializer.extend(kept)
    return taken
