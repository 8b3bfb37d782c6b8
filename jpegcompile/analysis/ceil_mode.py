"""Pooling nodes with `ceil_mode`, whose output size onnx's shape inference can compute wrongly.

Below opset 22, inference counts a last window that begins in the padding after the map. ONNX
Runtime and PyTorch omit this window. Inference may then report a contradiction in a valid model.
"""

from __future__ import annotations

import onnx
from onnx import helper

from jpegcompile.opset import standard_opset

_POOLS = ("MaxPool", "AveragePool", "LpPool")
_RIGHT_SINCE = 22


def has_ceil_mode(node: onnx.NodeProto) -> bool:
    """Whether a node is a pooling with `ceil_mode` set."""
    return node.op_type in _POOLS and any(
        attribute.name == "ceil_mode" and helper.get_attribute_value(attribute)
        for attribute in node.attribute
    )


def may_be_inferred_wrongly(model: onnx.ModelProto) -> bool:
    """Whether shape inference can compute a wrong size in a model."""
    opset = standard_opset(model.opset_import)
    return opset < _RIGHT_SINCE and any(has_ceil_mode(node) for node in model.graph.node)


def without_ceil_mode(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model without these nodes, so that tensors downstream get no shape."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:]
    result.graph.node.extend(node for node in model.graph.node if not has_ceil_mode(node))
    return result
