"""Infer afresh what a file says of its own tensors: tools that change a graph leave it as it was.

ONNX Runtime goes by what follows from the operators, and so do we: the shapes that a file declares
of inner tensors are dropped, and those of outputs count as far as nothing else is known.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper, shape_inference

from jpegcompile.analysis.ceil_mode import may_be_inferred_wrongly, without_ceil_mode
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.walk import all_graphs
from jpegcompile.ir.complaints import complaint
from jpegcompile.weights.light import without_values


def infer_declarations(model: onnx.ModelProto, source: str) -> None:
    """Drop declarations of inner tensors, and bring those of outputs up to date, in place.

    Args:
        model: in the order of its dataflow.
        source: how messages call it.

    Raises:
        UnsupportedModelError: if the type of an input or output is not known, or that of an output
            is another than is declared.
    """
    for value in model.graph.input:
        _require_shape(value, f"{source}: input '{value.name}' has no shape")
    for graph in all_graphs(model.graph):
        del graph.value_info[:]
    light = without_values(model)
    for graph in all_graphs(light.graph):
        for output in graph.output:
            output.ClearField("type")
    inferred = [_inferred(light, source)]
    if may_be_inferred_wrongly(light):
        # Sizes can be wrong, but not what is known without them, nor ranks.
        whole = inferred[0]
        inferred = [_inferred(without_ceil_mode(light), source), _without_sizes(whole)]
    for found in inferred:
        for graph, known in zip(all_graphs(model.graph), all_graphs(found.graph), strict=False):
            types = {output.name: output.type for output in known.output}
            for output in graph.output:
                _complete(output, types.get(output.name), source)
    for output in model.graph.output:
        problem = f"output '{output.name}' has no shape, and none follows from the graph"
        _require_shape(output, f"{source}: {problem}")


def _inferred(model: onnx.ModelProto, source: str) -> onnx.ModelProto:
    try:
        return shape_inference.infer_shapes(model, data_prop=True)
    except (shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise UnsupportedModelError(
            f"{source}: the shapes of its tensors cannot be inferred: {complaint(error)};"
            " export the model again"
        ) from error


def _without_sizes(model: onnx.ModelProto) -> onnx.ModelProto:
    for graph in all_graphs(model.graph):
        for output in graph.output:
            for size in output.type.tensor_type.shape.dim:
                size.Clear()
    return model


def _complete(output: onnx.ValueInfoProto, known: onnx.TypeProto | None, source: str) -> None:
    """Give an output the type that follows from the graph; what follows from nothing stays."""
    if known is None or not known.HasField("tensor_type"):
        return
    declared, found = output.type.tensor_type, known.tensor_type
    if declared.elem_type and found.elem_type and declared.elem_type != found.elem_type:
        raise UnsupportedModelError(
            f"{source}: output '{output.name}' is declared as {_type(declared.elem_type)} but its"
            f" node makes {_type(found.elem_type)}; declare that, or put a Cast before it"
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


def _require_shape(value: onnx.ValueInfoProto, problem: str) -> None:
    kind = value.type
    is_known = kind.HasField("tensor_type") and kind.tensor_type.HasField("shape")
    if kind.WhichOneof("value") is None or (kind.HasField("tensor_type") and not is_known):
        raise UnsupportedModelError(
            f"{problem}; declare its type and shape, with open sizes if need be"
        )


def _type(kind: int) -> str:
    if kind not in TensorProto.DataType.values():
        return f"type {kind}, which there is not,"
    if kind in (TensorProto.BFLOAT16, TensorProto.STRING):
        return str(TensorProto.DataType.Name(kind)).lower()
    return str(helper.tensor_dtype_to_np_dtype(kind).name)
