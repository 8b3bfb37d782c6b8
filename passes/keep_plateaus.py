"""Keep spatial what a step or a pole must read exactly.

Sqrt(MaxPool(Relu(x))), Greater(Clip(x), c), Floor(Abs(x)), ...   marked, for no lowering to take

Through the transform and back the zeros of a ReLU come out as +-1e-8, of which Sqrt makes NaN and
Greater a wrong answer. So from each operator with a step or a pole the way back is kept spatial, if
there is a rectifier on it, up to convolutions, normalisations and sums whose results lie on no
plateau. Those of a convolution without bias do where all that it reads is zero, and those of a sum
where all its operands are. The graph stays as it is; `Lowering` declines what is marked.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.dct.ingest import ChannelAffine
from jpegcompile.ir.graph import input_at, is_float, label, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.pointwise import is_pointwise
from jpegcompile.ir.rewrite import Pass
from jpegcompile.ir.statistics import inference_affine

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
_PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_NORMALIZATIONS = ("GroupNormalization", "InstanceNormalization", "LayerNormalization")


class KeepPlateaus(Pass):
    """Fill `Module.plateaus`."""

    name = "keep-plateaus"

    def run(self, module: Module) -> bool:
        """Returns whether a node was marked."""
        before, flat = len(module.plateaus), _flat_tensors(module.graph)
        for node in module.graph.nodes:
            if _has_step(node) and any(_is_map(t) for t in node.inputs):
                way = _way_back(node, flat)
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


def _flat_tensors(graph: gs.Graph) -> set[int]:
    """`id` of every tensor that may have the very same value, zero mostly, at many pixels."""
    flat: set[int] = set()
    for node in graph.nodes:
        if _makes_flat(node, flat):
            flat.update(id(tensor) for tensor in node.outputs)
    return flat


def _makes_flat(node: gs.Node, flat: set[int]) -> bool:
    if node.op in _RECTIFIERS:
        return True
    variables = [t for t in node.inputs if t.name and value_of(t) is None]
    if node.op in _PRODUCTS:
        bias = value_of(input_at(node, 2))
        return id(node.inputs[0]) in flat and (bias is None or not bias.all())
    if node.op == "BatchNormalization":
        affine = inference_affine(node)
        no_shift = isinstance(affine, ChannelAffine) and not affine.shift.all()
        return id(node.inputs[0]) in flat and no_shift
    if node.op in _NORMALIZATIONS:
        return False
    if node.op in _SUMS:
        return bool(variables) and all(id(t) in flat for t in variables)
    return any(id(t) in flat for t in variables)


def _way_back(node: gs.Node, flat: set[int]) -> list[gs.Node]:
    """Nodes before a node, up to those that are on no plateau, exclusive."""
    found: dict[int, gs.Node] = {}
    waiting = [t.inputs[0] for t in node.inputs if t.inputs]
    while waiting:
        other = waiting.pop()
        variables = [t for t in other.inputs if value_of(t) is None]
        mixes = other.op in (*_PRODUCTS, *_NORMALIZATIONS, "BatchNormalization")
        mixes = mixes or (other.op in _SUMS and len(variables) > 1)
        if id(other) in found or (mixes and id(other.outputs[0]) not in flat):
            continue
        found[id(other)] = other
        waiting += [t.inputs[0] for t in variables if t.inputs]
    return list(found.values())
