"""Shape inference on the graph without its weights: protobuf cannot carry 2 GB of them."""

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
from jpegcompile.network_input import NetworkInput

# Small constants carry shapes, axes and pads, whose values inference has to see.
_WEIGHT_ELEMENTS = 256


def skeleton(graph: gs.Graph, resized: Mapping[str, Shape]) -> onnx.ModelProto:
    """The graph as a model whose larger constants are declared inputs without values.

    So are the results of Resize nodes whose shapes are in `resized`, by their names.
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
    """The node, or one that inference knows instead of an operator that it knows nothing of."""
    if node.op == "GroupNormalization":
        return helper.make_node("Identity", [node.inputs[0].name], [node.outputs[0].name])
    exported: onnx.NodeProto = OnnxExporter.export_node(node)
    return exported


def infer_shapes(graph: gs.Graph, image: NetworkInput) -> None:
    """Set dtype and shape of every variable of the graph afresh; unknown ones become None.

    A dimension is an int, or a string where it is symbolic. An output, whose rank has to be
    declared, keeps it where nothing else is known. Of a Resize, inference of ONNX loses the
    symbols, and it rounds products with scales otherwise than ONNX Runtime: its shape is set as
    soon as that of its input is known. `image` is there for the message.

    Raises:
        UnsupportedModelError: if the shapes of the graph contradict each other.
    """
    resizes = [node for node in graph.nodes if node.op in ("Resize", "Upsample")]
    resized: dict[str, Shape] = {}
    # One round for each Resize at most: the shape of one can be what that of the next follows from.
    for _ in range(len(resizes) + 1):
        _infer(graph, resized, image)
        found = {node.outputs[0].name: _resized(node) for node in resizes}
        shapes = {name: shape for name, shape in found.items() if shape is not None}
        if shapes == resized:
            break
        resized = shapes


def _resized(node: gs.Node) -> Shape | None:
    """The shape of what a Resize makes; None where it does not follow from that of its input."""
    source = node.inputs[0].shape
    if source is None or len(source) != 4 or static_dims(source[1:]) is None:
        return None
    resampling = resampling_of(node)
    if isinstance(resampling, str) or not source[0]:
        return None
    return (*source[:2], *resampling.sizes)


def _infer(graph: gs.Graph, resized: Mapping[str, Shape], image: NetworkInput) -> None:
    model = skeleton(graph, resized)
    require_windows_fit(model, image)
    try:
        inferred = _inferred(model)
    except shape_inference.InferenceError as error:
        size = size_text(image.size)
        raise UnsupportedModelError(
            f"shapes of the model do not fit an input of {size}: {complaint(error)};"
            " give the size that the model was made for"
        ) from error
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
    """The model with shapes; those behind poolings that inference misjudges come later."""
    try:
        return shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except shape_inference.InferenceError:
        if not may_be_inferred_wrongly(model):
            raise
        # ExplicitPadding makes their sizes explicit; inference is strict behind it.
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
