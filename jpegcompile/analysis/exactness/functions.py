"""Evaluate elementwise functions at points, and find the values that they have over a whole range.

The reference evaluator of ONNX computes in float32, as runtimes do. For instance, Sigmoid is
constant where its float32 value is 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from jpegcompile.ir.graph import value_of

# A function with equal values at both points of a pair is constant between them.
_PAIRS = ((-1e4, -1e3), (1e3, 1e4), (1e-3, 2e-3))
_POWERS = np.geomspace(1e-3, 1e4, 64)
# Points at which a function is evaluated.
_GRID = np.concatenate([-_POWERS[::-1], [0.0], _POWERS])
# Functions with more values are not evaluated: their constants differ from pixel to pixel.
_MOST_VALUES = 1 << 20


def variable_of(node: gs.Node) -> gs.Tensor | None:
    """The only variable input of a node; None if it has several."""
    variables = {id(t): t for t in node.inputs if t.name and value_of(t) is None}
    return next(iter(variables.values())) if len(variables) == 1 else None


def values_at(node: gs.Node, opset: int, points: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Evaluate a function of one variable at points.

    Args:
        node: the node of the function; see `variable_of`.
        opset: opset of the standard operators.
        points: values of the variable.

    Returns:
        An array [points, values] with one value, or one for each channel; None if the function has
        too many constants.
    """
    if not points.size:
        return np.zeros((0, 1))
    fed: dict[str, NDArray[Any]] = {}
    for tensor in node.inputs:
        constant = value_of(tensor)
        if constant is not None:
            narrows = np.issubdtype(constant.dtype, np.floating)
            fed[tensor.name] = constant.astype(np.float32) if narrows else constant
    rank = max((constant.ndim for constant in fed.values()), default=0)
    column = points.astype(np.float32).reshape(-1, *[1] * rank)
    shape = np.broadcast_shapes(column.shape, *(constant.shape for constant in fed.values()))
    if np.prod(shape) > _MOST_VALUES:
        return None
    variable = variable_of(node)
    assert variable is not None
    fed[variable.name] = np.broadcast_to(column, shape).copy()
    with np.errstate(all="ignore"):
        made, *_ = list(_evaluator(node, opset).run(None, fed))
    return np.asarray(made, np.float64).reshape(len(points), -1)


def flat_values(node: gs.Node, opset: int) -> NDArray[np.float64] | None:
    """Values that a function has over a whole range of its variable; None if unknown."""
    points = np.asarray(_PAIRS).reshape(-1)
    made = values_at(node, opset, points)
    if made is None:
        return None
    one, other = made.reshape(len(_PAIRS), 2, -1).transpose(1, 0, 2)
    flat = one[(one == other) & np.isfinite(one)]
    return np.unique(flat)


def output_range(node: gs.Node, opset: int, span: tuple[float, float]) -> tuple[float, float]:
    """Approximate smallest and largest value of a function over a range of its variable.

    Args:
        node: the node of the function.
        opset: opset of the standard operators.
        span: smallest and largest value of the variable.
    """
    low, high = np.clip(span, _GRID[0], _GRID[-1])
    inside = _GRID[(low < _GRID) & (high > _GRID)]
    made = values_at(node, opset, np.asarray([low, *inside, high]))
    if made is None or np.isnan(made).any():
        return -np.inf, np.inf
    return float(made.min()), float(made.max())


def _evaluator(node: gs.Node, opset: int) -> ReferenceEvaluator:
    proto = OnnxExporter.export_node(node)
    names = dict.fromkeys(t.name for t in node.inputs if t.name)
    graph = helper.make_graph(
        [proto],
        "function",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
        [helper.make_empty_tensor_value_info(node.outputs[0].name)],
    )
    for name in proto.output[1:]:
        graph.output.append(helper.make_empty_tensor_value_info(name))
    return ReferenceEvaluator(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    )
