"""Keep spatial what a step or a pole must read exactly.

Sqrt(MaxPool(Relu(x))), Greater(Clip(x), c), Floor(Abs(x)), ...   marked, for no lowering to take

Through the transform and back the zeros of a ReLU come out as +-1e-8, of which Sqrt makes NaN and
Greater a wrong answer. So from each operator with a step or a pole the way back is kept spatial, up
to operators whose results lie on no plateau (convolution, normalisation, sums of maps), if there is
a rectifier on it. The graph stays as it is; `Lowering` declines what is marked.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import is_float, label, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.pointwise import is_pointwise
from jpegcompile.ir.rewrite import Pass

_STEPS = frozenset(
    (
        *("Ceil", "Equal", "Floor", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Log"),
        *("Mod", "Reciprocal", "Round", "Sign", "Sqrt", "ThresholdedRelu"),
    )
)
# These make plateaus, where many pixels have the very same value.
_RECTIFIERS = frozenset(
    (
        *("Abs", "Clip", "GlobalMaxPool", "HardSigmoid", "HardSwish", "LeakyRelu", "Max"),
        *("MaxPool", "Min", "PRelu", "Relu", "ThresholdedRelu"),
    )
)
_SUMS = ("Add", "Sub", "Sum")
_GENERIC = frozenset(
    (
        *("BatchNormalization", "Conv", "ConvTranspose", "Gemm", "GroupNormalization"),
        *("InstanceNormalization", "LRN", "LayerNormalization", "MatMul"),
    )
)


class KeepPlateaus(Pass):
    """Fill `Module.plateaus`."""

    name = "keep-plateaus"

    def run(self, module: Module) -> bool:
        """Returns whether a node was marked."""
        before = len(module.plateaus)
        for node in module.graph.nodes:
            if _has_step(node) and any(_is_map(t) for t in node.inputs):
                way = _way_back(node)
                if any(other.op in _RECTIFIERS for other in way):
                    reason = f"{label(node)} has a step or a pole, and depends on it"
                    for other in way:
                        module.plateaus.setdefault(other.name, reason)
                    module.plateaus.setdefault(node.name, "it has a step or a pole")
        return len(module.plateaus) > before


def _has_step(node: gs.Node) -> bool:
    if node.op in ("Div", "Pow"):
        return value_of(node.inputs[1]) is None or not is_pointwise(node)
    if node.op == "Cast":
        target = node.outputs[0].dtype
        return target is not None and not np.issubdtype(target, np.inexact)
    return node.op in _STEPS


def _is_map(tensor: gs.Tensor) -> bool:
    return is_float(tensor) and len(tensor.shape or ()) == 4


def _way_back(node: gs.Node) -> list[gs.Node]:
    """Nodes before a node, up to those that are on no plateau, exclusive."""
    found: dict[int, gs.Node] = {}
    waiting = [t.inputs[0] for t in node.inputs if t.inputs]
    while waiting:
        other = waiting.pop()
        variables = [t for t in other.inputs if value_of(t) is None]
        is_sum = other.op in _SUMS and len(variables) > 1
        if id(other) in found or other.op in _GENERIC or is_sum:
            continue
        found[id(other)] = other
        waiting += [t.inputs[0] for t in variables if t.inputs]
    return list(found.values())
