"""Tensors that may hold infinite or undefined values on purpose: -inf for what a mask leaves out.

A transform would spread one such pixel over its tile.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import is_float, value_of
from jpegcompile.ir.padding import is_padded_infinitely

_ARITHMETIC = ("Add", "Concat", "Div", "Mul", "Sub", "Sum", "Where")
# Finite for every operand that is a number, infinite or not.
_BOUNDED = frozenset(
    ("Atan", "Clip", "Erf", "HardSigmoid", "Sigmoid", "Softmax", "Softsign", "Tanh")
)
# Finite for -inf.
_BOUNDED_BELOW = frozenset(("Exp", "Relu", "Softplus", "Elu", "Celu", "Selu"))


def infinite_tensors(graph: gs.Graph) -> frozenset[str]:
    """Names of the tensors; the nodes of the graph are in the order of its dataflow."""
    found: set[str] = set()
    for node in graph.nodes:
        target = node.outputs[0] if node.outputs else None
        if target is None or node.op in _BOUNDED or not is_float(target):
            continue
        carries = any(t.name in found for t in node.inputs) and node.op not in _BOUNDED_BELOW
        if carries or _begins(node):
            found.update(t.name for t in node.outputs)
    return frozenset(found)


def _begins(node: gs.Node) -> bool:
    if node.op == "Pad":
        return is_padded_infinitely(node.outputs[0])
    if node.op not in _ARITHMETIC:
        return False
    constants = [value for value in map(value_of, node.inputs) if value is not None]
    return any(value.dtype.kind == "f" and not np.isfinite(value).all() for value in constants)
