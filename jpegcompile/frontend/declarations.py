"""Infer the declared types and shapes of a model again.

Tools that change a graph often do not update its declarations. ONNX Runtime infers shapes from
the operators, and so does this module: declared shapes of inner tensors are dropped, and declared
shapes of outputs are used only if inference finds nothing.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper, shape_inference

from jpegcompile.analysis.ceil_mode import may_be_inferred_wrongly, without_ceil_mode
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.walk import all_graphs
from jpegcompile.ir.complaints import complaint
from jpegcompile.messages import Message
from jpegcompile.weights.light import without_values


def infer_declarations(model: onnx.ModelProto, source: str) -> None:
    """Drop declarations of inner tensors and update the declarations of outputs, in place.

    Args:
        model: a model with topologically sorted nodes.
        source: name of the model in messages.

    Raises:
        UnsupportedModelError: if the type or shape of an input or output is unknown, or an output
            is declared with a wrong type.
    """
    for value in model.graph.input:
        if not _has_shape(value):
            raise UnsupportedModelError(
                Message(
                    "input-shape-unknown",
                    f"{source}: input '{value.name}' has no shape; declare its type and shape, with"
                    " dynamic dimensions if necessary",
                )
            )
    for graph in all_graphs(model.graph):
        del graph.value_info[:]
    light = without_values(model)
    for graph in all_graphs(light.graph):
        for output in graph.output:
            output.ClearField("type")
    inferred = [_inferred(light, source)]
    if may_be_inferred_wrongly(light):
        # Inferred sizes can be wrong here. Ranks, and results that do not use the sizes, are right.
        whole = inferred[0]
        inferred = [_inferred(without_ceil_mode(light), source), _without_sizes(whole)]
    for found in inferred:
        for graph, known in zip(all_graphs(model.graph), all_graphs(found.graph), strict=False):
            types = {output.name: output.type for output in known.output}
            for output in graph.output:
                _complete(output, types.get(output.name), source)
    for output in model.graph.output:
        if not _has_shape(output):
            raise UnsupportedModelError(
                Message(
                    "output-shape-unknown",
                    f"{source}: output '{output.name}' has no shape, and none can be inferred;"
                    " declare its type and shape, with dynamic dimensions if necessary",
                )
            )


def _inferred(model: onnx.ModelProto, source: str) -> onnx.ModelProto:
    try:
        return shape_inference.infer_shapes(model, data_prop=True)
    except (shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise UnsupportedModelError(
            Message(
                "shape-inference-failed",
                f"{source}: cannot infer the shapes of its tensors: {complaint(error)};"
                " export the model again",
            )
        ) from error


def _without_sizes(model: onnx.ModelProto) -> onnx.ModelProto:
    for graph in all_graphs(model.graph):
        for output in graph.output:
            for size in output.type.tensor_type.shape.dim:
                size.Clear()
    return model


def _complete(output: onnx.ValueInfoProto, known: onnx.TypeProto | None, source: str) -> None:
    """Set the inferred type of an output; keep the declared parts that cannot be inferred."""
    if known is None or not known.HasField("tensor_type"):
        return
    declared, found = output.type.tensor_type, known.tensor_type
    if declared.elem_type and found.elem_type and declared.elem_type != found.elem_type:
        raise UnsupportedModelError(
            Message(
                "output-type-wrong",
                f"{source}: output '{output.name}' is declared as {_type(declared.elem_type)}, but"
                f" its node computes {_type(found.elem_type)}; correct the declaration, or insert a"
                " Cast",
            )
        )
    if not found.HasField("shape"):
        declared.elem_type = declared.elem_type or found.elem_type
        return
    sizes = list(declared.shape.dim) if declared.HasField("shape") else []
    merged = onnx.TypeProto()
    merged.CopyFrom(known)
    if len(sizes) == len(found.shape.dim):
        for size, old in zip(merged.tensor_type.shape.dim, sizes, strict=True):
            if not size.HasField("dim_value") and not size.dim_param:
                size.CopyFrom(old)
    output.type.CopyFrom(merged)


def _has_shape(value: onnx.ValueInfoProto) -> bool:
    """Whether a value has a type and, if it is a tensor, a shape."""
    kind = value.type
    is_known = kind.HasField("tensor_type") and kind.tensor_type.HasField("shape")
    return kind.WhichOneof("value") is not None and (is_known or not kind.HasField("tensor_type"))


def _type(kind: int) -> str:
    if kind not in TensorProto.DataType.values():
        return f"unknown type {kind}"
    if kind in (TensorProto.BFLOAT16, TensorProto.STRING):
        return str(TensorProto.DataType.Name(kind)).lower()
    return str(helper.tensor_dtype_to_np_dtype(kind).name)
