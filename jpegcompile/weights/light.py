"""Models without the values of large weights, for functions that serialize the whole model."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import onnx
from onnx import checker, helper
from onnx.external_data_helper import uses_external_data

# Smaller tensors may be shapes or axes, and inference requires their values.
_SMALL = 4096


def without_values(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model for shape inference, with large initializers replaced by typed inputs."""
    light = onnx.ModelProto()
    light.CopyFrom(model)
    # Below IR version 4, inference ignores initializers that are not inputs.
    light.ir_version = max(light.ir_version, 4)
    _declare_as_inputs(light.graph, _take(light.graph, lambda t: t.ByteSize() > _SMALL))
    _declare_as_inputs(light.graph, _take(light.graph, uses_external_data))
    return light


def check_light(model: onnx.ModelProto, ir_version: int, *, shapes: bool = True) -> None:
    """Run the onnx checker on a model.

    External initializers are checked as typed inputs. Otherwise the checker would read their files,
    and protobuf cannot serialize more than 2 GB.

    Args:
        model: the model.
        ir_version: IR version to check against.
        shapes: whether to run the full check with shape inference.

    Raises:
        onnx.checker.ValidationError, onnx.shape_inference.InferenceError: if the model is not
            valid.
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
    """Remove and return the external initializers of a graph and its subgraphs."""
    taken = _take(graph, uses_external_data)
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                taken += _take_external(inner)
    return taken


def _take(
    graph: onnx.GraphProto, is_taken: Callable[[onnx.TensorProto], bool]
) -> list[onnx.TensorProto]:
    """Remove and return the initializers of a graph that `is_taken` selects."""
    taken = [tensor for tensor in graph.initializer if is_taken(tensor)]
    if taken:
        kept = [tensor for tensor in graph.initializer if not is_taken(tensor)]
        del graph.initializer[:]
        graph.initializer.extend(kept)
    return taken
