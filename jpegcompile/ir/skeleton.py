"""Shape inference on the graph without its weights: protobuf cannot carry 2 GB of them."""

from __future__ import annotations

import math
import re

import onnx
import onnx_graphsurgeon as gs
from onnx import helper, shape_inference
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from jpegcompile.errors import UnsupportedModelError, one_line
from jpegcompile.input_size import size_text
from jpegcompile.ir.module import ImageInput

# Small constants carry shapes, axes and pads, whose values inference has to see.
_WEIGHT_ELEMENTS = 256

Dim = int | str
Shape = tuple[Dim, ...]


def skeleton(graph: gs.Graph) -> onnx.ModelProto:
    """The graph as a model whose larger constants are declared inputs without values."""
    constants = [t for t in graph.tensors().values() if isinstance(t, gs.Constant)]
    weights = [t for t in constants if math.prod(t.shape) > _WEIGHT_ELEMENTS]
    small = [t for t in constants if math.prod(t.shape) <= _WEIGHT_ELEMENTS]
    inputs = [
        helper.make_tensor_value_info(t.name, helper.np_dtype_to_tensor_dtype(t.dtype), t.shape)
        for t in [*graph.inputs, *weights]
    ]
    proto = helper.make_graph(
        [_stand_in(node) for node in graph.nodes],
        "skeleton",
        inputs,
        [onnx.ValueInfoProto(name=t.name) for t in graph.outputs],
        [OnnxExporter.export_tensor_proto(t) for t in small],
    )
    opsets = [helper.make_opsetid("", int(graph.opset))]
    opsets += [d for d in graph.import_domains or [] if d.domain not in ("", "ai.onnx")]
    return helper.make_model(proto, opset_imports=opsets, ir_version=10)


def _stand_in(node: gs.Node) -> onnx.NodeProto:
    """The node, or one that inference knows instead of an operator that it knows nothing of."""
    if node.op == "GroupNormalization":
        return helper.make_node("Identity", [node.inputs[0].name], [node.outputs[0].name])
    exported: onnx.NodeProto = OnnxExporter.export_node(node)
    return exported


def infer_shapes(graph: gs.Graph, image: ImageInput) -> None:
    """Set dtype and shape of every variable of the graph afresh; unknown ones become None.

    A dimension is an int, or a string where it is symbolic. An output, whose rank has to be
    declared, keeps it where nothing else is known. `image` is there for the message.

    Raises:
        UnsupportedModelError: if the shapes of the graph contradict each other.
    """
    try:
        inferred = shape_inference.infer_shapes(skeleton(graph), strict_mode=True, data_prop=True)
    except shape_inference.InferenceError as error:
        size = size_text((image.height, image.width))
        raise UnsupportedModelError(
            f"shapes of the model do not fit an input of {size}: {_reason(error)};"
            " give the size that the model was made for"
        ) from error
    known = {v.name: v for v in [*inferred.graph.value_info, *inferred.graph.output]}
    kept = {id(tensor) for tensor in graph.inputs}
    ranks = {id(t): len(t.shape) for t in graph.outputs if t.shape is not None}
    for name, tensor in graph.tensors().items():
        if not isinstance(tensor, gs.Variable) or id(tensor) in kept:
            continue
        tensor.shape = None
        if name in known:
            _set_type(tensor, known[name].type)
        if tensor.shape is None and id(tensor) in ranks:
            tensor.shape = ("",) * ranks[id(tensor)]


def _reason(error: Exception) -> str:
    """What inference says, with the node called as everywhere else."""
    text = one_line(error).replace("[ShapeInferenceError] ", "")
    text = text.removeprefix("Inference error(s): ")
    return re.sub(r"\(op_type:(\w+), node name: (.*?)\): ", r"\1 '\2': ", text)


def _set_type(tensor: gs.Variable, kind: onnx.TypeProto) -> None:
    if not kind.HasField("tensor_type"):
        return
    if kind.tensor_type.elem_type:
        tensor.dtype = helper.tensor_dtype_to_np_dtype(kind.tensor_type.elem_type)
    if kind.tensor_type.HasField("shape"):
        tensor.shape = tuple(
            d.dim_value if d.HasField("dim_value") else d.dim_param
            for d in kind.tensor_type.shape.dim
        )
