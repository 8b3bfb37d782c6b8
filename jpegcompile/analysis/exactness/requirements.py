"""Properties of inputs that discontinuous operators require to be exact.

Floor(x)      where x is an integer
ArgMax(x)     which elements along the axis are equal
Foo(x)        everything, if the operator Foo is unknown
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.exactness.continuity import (
    continuous_inputs,
    is_standard,
    is_whole_power,
    tensors_read,
    uses_positions,
)
from jpegcompile.ir.graph import input_at, is_float, value_of

# Relative distance below which a value counts as lying on a point of discontinuity.
NEAR = 1e-3

Kind = Literal["values", "pixels", "channels"]
# Values at which an operator is discontinuous.
Points = frozenset[float] | Literal["any", "whole", "whole-but-zero", "halves"]


@dataclass(frozen=True)
class Requirement:
    """A property of a tensor that must be preserved exactly.

    Attributes:
        kind: "values" for the positions of elements that equal one of `points`; "pixels" or
            "channels" for equality of elements at several pixels or in several channels.
        points: values that matter, for the kind "values".
    """

    kind: Kind
    points: Points = "any"


PIXELS, CHANNELS = Requirement("pixels"), Requirement("channels")
EVERYTHING = (Requirement("values"), PIXELS, CHANNELS)
COMPARISONS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
_ORDERS = ("ArgMax", "ArgMin", "Hardmax", "TopK")
_DISCONTINUITIES: dict[str, Points] = {
    "Acos": frozenset((-1.0, 1.0)),
    "Acosh": frozenset((1.0,)),
    "Asin": frozenset((-1.0, 1.0)),
    "Atanh": frozenset((-1.0, 1.0)),
    "Ceil": "whole",
    "Floor": "whole",
    "Log": frozenset((0.0,)),
    "NonZero": frozenset((0.0,)),
    "Reciprocal": frozenset((0.0,)),
    "Round": "halves",
    "Sign": frozenset((0.0,)),
    "Sqrt": frozenset((0.0,)),
    "Tan": "any",
}
_MOST_POINTS = 4096
_WITH_KNOWN_DISCONTINUITIES = frozenset(_DISCONTINUITIES) | frozenset(
    (
        *(*COMPARISONS, *_ORDERS, "Cast", "CastLike", "Div", "MaxPool", "Pow", "Shrink"),
        *("DynamicQuantizeLinear", "QuantizeLinear", "ThresholdedRelu"),
    )
)
# Considered levels of a quantizer on either side of zero: the levels of 8 bits.
_QUANTIZER_LEVELS = 256


def near(values: NDArray[np.float64], points: Points) -> NDArray[np.bool_]:
    """Whether each value lies on or near a point of discontinuity: an array like `values`."""
    if isinstance(points, frozenset):
        if not points:
            return np.zeros(values.shape, bool)
        distance = np.abs(values[..., None] - np.asarray(sorted(points))).min(axis=-1)
    elif points == "any":
        return np.asarray(~np.isnan(values))
    else:
        shifted = values - 0.5 if points == "halves" else values
        distance = np.abs(shifted - np.round(shifted))
        if points == "whole-but-zero":
            distance = np.where(np.abs(values) < 0.5, 1.0, distance)
    return np.asarray(distance <= NEAR * np.maximum(1.0, np.abs(values)))


def requirements_of(
    node: gs.Node, graph: gs.Graph, axis: int | None
) -> list[tuple[gs.Tensor, Requirement]]:
    """Return the requirements of a node on its inputs.

    Comparisons of two variables are excluded; see `compared`.

    Args:
        node: a node of the graph.
        graph: the graph.
        axis: channel axis of the node's first input; None if unknown.
    """
    known = _known_requirements(node, graph, axis) if is_standard(node) else None
    if known is not None:
        return [(t, d) for t, d in known if may_be_float(t)]
    continuous = continuous_inputs(node)
    read = [t for index, t in enumerate(node.inputs) if index not in continuous]
    inner = tensors_read(node)[len(node.inputs) :]
    return [(t, d) for t in (*read, *inner) if may_be_float(t) for d in EVERYTHING]


def has_known_discontinuities(node: gs.Node) -> bool:
    """Whether the points of discontinuity of a node's operator are known."""
    return is_standard(node) and node.op in _WITH_KNOWN_DISCONTINUITIES


def compared(node: gs.Node) -> tuple[gs.Tensor, gs.Tensor] | None:
    """Return both operands of a comparison of two variables; None for other nodes."""
    if not is_standard(node) or node.op not in COMPARISONS:
        return None
    first, second = node.inputs
    return (first, second) if may_be_float(first) and may_be_float(second) else None


def may_be_float(tensor: gs.Tensor) -> bool:
    """Whether rounding may affect a tensor: a variable of a floating-point or unknown type."""
    if not tensor.name or value_of(tensor) is not None:
        return False
    return tensor.dtype is None or is_float(tensor)


def _known_requirements(
    node: gs.Node, graph: gs.Graph, axis: int | None
) -> list[tuple[gs.Tensor, Requirement]] | None:
    """Requirements of a node with known points of discontinuity; None for other nodes."""
    op, first = node.op, node.inputs[0] if node.inputs else None
    if op in _ORDERS and (op != "TopK" or uses_positions(node, graph)):
        flattens = op == "Hardmax" and int(graph.opset) < 13
        return [(first, requirement) for requirement in _order(node, None if flattens else axis)]
    if op == "MaxPool" and uses_positions(node, graph):
        return [(first, PIXELS)]
    if op in COMPARISONS:
        return _comparison(node)
    if op == "Div" and value_of(node.inputs[1]) is None:
        return [(node.inputs[1], _values(0.0))]
    if op == "Pow" and not is_whole_power(node):
        return [(t, _values(0.0)) for t in node.inputs]
    if op in ("Cast", "CastLike"):
        return _conversion(node)
    if op == "QuantizeLinear":
        return [(first, Requirement("values", _points_of_quantizer(value_of(node.inputs[1]))))]
    if op == "DynamicQuantizeLinear":
        # Repeated values are 0 or the largest element, both multiples of the operator's scale.
        return []
    if op == "ThresholdedRelu":
        alpha = float(node.attrs.get("alpha", 1.0))
        return [(first, _values(alpha))] if alpha else []
    if op == "Shrink":
        size, bias = (float(node.attrs.get(k, v)) for k, v in (("lambd", 0.5), ("bias", 0.0)))
        return [] if size == bias else [(first, _values(-size, size))]
    return (
        [(first, Requirement("values", _DISCONTINUITIES[op]))] if op in _DISCONTINUITIES else None
    )


def _values(*points: float) -> Requirement:
    return Requirement("values", frozenset(points))


def _comparison(node: gs.Node) -> list[tuple[gs.Tensor, Requirement]]:
    """Requirements of a comparison with a constant: the values of the constant."""
    constants = [value_of(t) for t in node.inputs]
    return [
        (tensor, Requirement("values", _points_at(other)))
        for tensor, other in zip(node.inputs, reversed(constants), strict=True)
        if other is not None
    ]


def _points_at(constant: NDArray[np.generic]) -> Points:
    if constant.size > _MOST_POINTS or not np.issubdtype(constant.dtype, np.number):
        return "any"
    return frozenset(float(v) for v in np.unique(constant) if np.isfinite(v))


def _points_of_quantizer(scale: NDArray[np.generic] | None) -> Points:
    """Points halfway between multiples of a constant scale, at which rounding changes."""
    if scale is None or scale.size * 2 * _QUANTIZER_LEVELS > _MOST_POINTS:
        return "any"
    halves = np.arange(-_QUANTIZER_LEVELS, _QUANTIZER_LEVELS) + 0.5
    return frozenset(float(v) for v in np.outer(scale.astype(np.float64), halves).reshape(-1))


def _conversion(node: gs.Node) -> list[tuple[gs.Tensor, Requirement]]:
    """Requirements of a cast: to integers it truncates, to truth values it compares with 0."""
    target = node.outputs[0].dtype
    if target is None:
        return [(node.inputs[0], requirement) for requirement in EVERYTHING]
    if np.issubdtype(target, np.inexact):
        return []
    points: Points = frozenset((0.0,)) if target == np.bool_ else "whole-but-zero"
    return [(node.inputs[0], Requirement("values", points))]


def _order(node: gs.Node, axis: int | None) -> tuple[Requirement, ...]:
    """Requirements of an operator that chooses among equal elements along an axis."""
    shape = node.inputs[0].shape
    default = {"ArgMax": 0, "ArgMin": 0}.get(node.op, -1)
    along = int(node.attrs.get("axis", default))
    if axis is None or shape is None:
        return (PIXELS, CHANNELS)
    return (CHANNELS,) if along % len(shape) == axis else (PIXELS,)


def reads_masks(node: gs.Node, source: gs.Node) -> bool:
    """Whether a node reads positions or truth values that another node computes."""
    made = {id(t) for t in source.outputs if t.dtype is not None and not is_float(t)}
    return any(id(tensor) in made for tensor in node.inputs) and input_at(node, 0) is not None
