"""Shape inference on a graph without its weights, since protobuf is limited to 2 GB."""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx
import onnx_graphsurgeon as gs
from onnx import helper, shape_inference
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from jpegcompile.analysis.ceil_mode import may_be_inferred_wrongly, without_ceil_mode
from jpegcompile.analysis.resampling import resampling_of
from jpegcompile.analysis.window_fit import require_channels, require_windows_fit
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.input_size import size_text
from jpegcompile.ir.complaints import complaint
from jpegcompile.ir.graph import Shape, static_dims
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput

# Smaller constants may be shapes, axes and pads, whose values inference needs.
_WEIGHT_ELEMENTS = 256


def skeleton(graph: gs.Graph, resized: Mapping[str, Shape]) -> onnx.ModelProto:
    """Export the graph as a model whose larger constants are inputs without values.

    Args:
        graph: the graph.
        resized: known output shapes of Resize nodes by tensor name; these outputs become inputs.
    """
    resizes = [node for node in graph.nodes if node.outputs and node.outputs[0].name in resized]
    constants = [t for t in graph.tensors().values() if isinstance(t, gs.Constant)]
    weights = [t for t in constants if math.prod(t.shape) > _WEIGHT_ELEMENTS]
    small = [t for t in constants if math.prod(t.shape) <= _WEIGHT_ELEMENTS]
    inputs = [
        helper.make_tensor_value_info(t.name, helper.np_dtype_to_tensor_dtype(t.dtype), t.shape)
        for t in [*graph.inputs, *weights]
    ]
    inputs += [
        helper.make_tensor_value_info(
            node.outputs[0].name,
            helper.np_dtype_to_tensor_dtype(node.inputs[0].dtype),
            resized[node.outputs[0].name],
        )
        for node in resizes
    ]
    proto = helper.make_graph(
        [_stand_in(node) for node in graph.nodes if all(node is not r for r in resizes)],
        "skeleton",
        inputs,
        [onnx.ValueInfoProto(name=t.name) for t in graph.outputs],
        [OnnxExporter.export_tensor_proto(t) for t in small],
    )
    opsets = [helper.make_opsetid("", int(graph.opset))]
    opsets += [d for d in graph.import_domains or [] if d.domain not in ("", "ai.onnx")]
    return helper.make_model(proto, opset_imports=opsets, ir_version=10)


def _stand_in(node: gs.Node) -> onnx.NodeProto:
    """Export a node; replace an operator without shape inference by an equivalent one."""
    if node.op == "GroupNormalization":
        return helper.make_node("Identity", [node.inputs[0].name], [node.outputs[0].name])
    exported: onnx.NodeProto = OnnxExporter.export_node(node)
    return exported


def infer_shapes(graph: gs.Graph, image: NetworkInput) -> None:
    """Infer dtype and shape of every variable of the graph; unknown ones become None.

    A dimension is an int, or a string if it is symbolic. A graph output keeps its declared rank if
    nothing else is known. For Resize, onnx's inference loses symbols and rounds differently from
    ONNX Runtime. The shape of a Resize is therefore computed here once its input shape is known.

    Args:
        graph: the graph.
        image: the image input, for error messages.

    Raises:
        UnsupportedModelError: if shapes of the graph contradict each other.
    """
    resizes = [node for node in graph.nodes if node.op in ("Resize", "Upsample")]
    resized: dict[str, Shape] = {}
    # The size of one Resize may determine the size of the next, so each round resolves one more.
    for _ in range(len(resizes) + 1):
        _infer(graph, resized, image)
        found = {node.outputs[0].name: _resized(node) for node in resizes}
        shapes = {name: shape for name, shape in found.items() if shape is not None}
        if shapes == resized:
            break
        resized = shapes


def _resized(node: gs.Node) -> Shape | None:
    """Output shape of a Resize; None if it does not follow from the input shape."""
    source = node.inputs[0].shape
    if source is None or len(source) != 4 or static_dims(source[1:]) is None:
        return None
    resampling = resampling_of(node)
    if isinstance(resampling, Message) or not source[0]:
        return None
    return (*source[:2], *resampling.sizes)


def _infer(graph: gs.Graph, resized: Mapping[str, Shape], image: NetworkInput) -> None:
    model = skeleton(graph, resized)
    require_windows_fit(model, image)
    try:
        inferred = _inferred(model)
    except shape_inference.InferenceError as error:
        size = size_text(image.size)
        text = (
            f"shapes of the model do not fit an input of {size}: {complaint(error)};"
            " use the size that the model was made for"
        )
        raise UnsupportedModelError(Message("shapes-do-not-fit-input", text)) from error
    outputs = [*inferred.graph.value_info, *inferred.graph.output]
    known = {v.name: v for v in [*outputs, *inferred.graph.input]}
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
    require_channels(graph)


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """Infer shapes; downstream of pooling nodes with wrong sizes, shapes stay unknown."""
    try:
        return shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except shape_inference.InferenceError:
        if not may_be_inferred_wrongly(model):
            raise
        # After ExplicitPadding, inference is correct and can be strict.
        partial = without_ceil_mode(model)
        return shape_inference.infer_shapes(partial, strict_mode=False, data_prop=True)


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
