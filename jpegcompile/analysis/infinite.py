"""Find tensors that contain infinite or huge values on purpose, such as -inf or -1e9 in masks.

A transform would spread an infinite pixel, or the rounding error of a huge one, over its tile.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.bounds import Bounds, bounds_of
from jpegcompile.analysis.padding import HUGE, mask_of
from jpegcompile.ir.graph import is_float, value_of

_ARITHMETIC = ("Add", "Concat", "Div", "Mul", "Sub", "Sum", "Where")
# These operators keep very low values very low.
_KEEP_LOW = frozenset(
    (
        *("Add", "Cast", "Concat", "Gather", "Identity", "Max", "MaxPool", "Pad", "Reshape"),
        *("Slice", "Sum", "Transpose", "Where"),
    )
)
# The output of these operators is bounded for every operand, including infinities.
_BOUNDED = frozenset(("Atan", "Erf", "HardSigmoid", "Sigmoid", "Softmax", "Softsign", "Tanh"))
# The output of these operators is bounded for -inf.
_BOUNDED_BELOW = frozenset(("Exp", "Relu", "Softplus", "Elu", "Celu", "Selu"))


def infinite_tensors(graph: gs.Graph) -> frozenset[str]:
    """Names of infinite or huge tensors; the nodes must be in topological order."""
    # By tensor name, whether all its infinite or huge values are negative.
    is_low: dict[str, bool] = {}
    for node in graph.nodes:
        target = node.outputs[0] if node.outputs else None
        if target is None or not is_float(target) or _is_bounded(node):
            continue
        lows = [is_low[t.name] for t in node.inputs if t.name in is_low]
        lows += [bool((values < 0).all()) for values in _masks(node) if values.size]
        if lows and not (node.op in _BOUNDED_BELOW and all(lows)):
            low = all(lows) and node.op in _KEEP_LOW
            is_low.update({tensor.name: low for tensor in node.outputs})
    return frozenset(is_low)


def _is_bounded(node: gs.Node) -> bool:
    if node.op != "Clip":
        return node.op in _BOUNDED
    bounds = bounds_of(node)
    return isinstance(bounds, Bounds) and max(abs(bounds.low), abs(bounds.high)) < HUGE


def _masks(node: gs.Node) -> list[NDArray[np.floating]]:
    """Infinite and huge constants that a node introduces."""
    if node.op == "Pad":
        fill = mask_of(node.outputs[0])
        return [] if fill is None else [np.asarray([fill])]
    if node.op not in _ARITHMETIC:
        return []
    constants = [value for value in map(value_of, node.inputs) if value is not None]
    most = HUGE if node.op == "Where" else np.inf
    return [v[~(np.abs(v) < most)] for v in constants if v.dtype.kind == "f"]
