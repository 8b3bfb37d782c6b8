"""Poolings whose output size inference of ONNX gets wrong.

Below opset 22 it counts, with `ceil_mode`, a last window that begins in the padding behind the map,
which ONNX Runtime and PyTorch leave out. What follows from such a size can contradict the rest of a
model that is right.
"""

from __future__ import annotations

import onnx
from onnx import helper

from jpegcompile.opset import standard_opset

_POOLS = ("MaxPool", "AveragePool", "LpPool")
_RIGHT_SINCE = 22


def has_ceil_mode(node: onnx.NodeProto) -> bool:
    """Whether a node is a pooling with `ceil_mode`."""
    return node.op_type in _POOLS and any(
        attribute.name == "ceil_mode" and helper.get_attribute_value(attribute)
        for attribute in node.attribute
    )


def may_be_inferred_wrongly(model: onnx.ModelProto) -> bool:
    """Whether inference can be wrong about a model."""
    opset = standard_opset(model.opset_import)
    return opset < _RIGHT_SINCE and any(has_ceil_mode(node) for node in model.graph.node)


def without_ceil_mode(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without these poolings: what is behind them has no shape, rather than a wrong one."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:]
    result.graph.node.extend(node for node in model.graph.node if not has_ceil_mode(node))
    return result
