"""Keep spatial what a step or a pole must read exactly.

Sqrt(MaxPool(Relu(x))), Greater(Clip(x), c), Floor(Abs(x)), ...   marked, for no lowering to take

Through the transform and back the zeros of a ReLU come out as +-1e-8, of which Sqrt makes NaN and
Greater a wrong answer. So what such an operator depends on is kept spatial as far as it is *flat*:
the very same value, zero mostly, may stand at many pixels. Rectifiers make flat maps and images may
be flat; a convolution without bias of a flat map is flat, and a sum of flat maps. The graph stays
as it is; `Lowering` declines what is marked.
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
            if any(_is_map(t) and id(t) in flat for t in _read_by_step(node)):
                reason = f"{label(node)} has a step or a pole, and depends on it"
                for other in _flat_nodes_before(node, flat):
                    module.plateaus.setdefault(other.name, reason)
                module.plateaus.setdefault(node.name, f"{node.op} has no JPEG-domain form")
        return len(module.plateaus) > before


def _read_by_step(node: gs.Node) -> list[gs.Tensor]:
    """Inputs for which an operator has a step or a pole."""
    if node.op == "Div":
        # A divisor that is the same all over the plane is a factor of its channel.
        divisor = node.inputs[1]
        is_factor = tuple(divisor.shape or ())[-2:] == (1, 1)
        return [] if is_factor or is_pointwise(node) else [divisor]
    if node.op == "Pow":
        return [] if is_pointwise(node) else list(node.inputs)
    if node.op == "Cast":
        target = node.outputs[0].dtype
        is_step = target is not None and not np.issubdtype(target, np.inexact)
        return list(node.inputs) if is_step else []
    return list(node.inputs) if node.op in _STEPS else []


def _is_map(tensor: gs.Tensor) -> bool:
    return is_float(tensor) and len(tensor.shape or ()) == 4


def _flat_tensors(graph: gs.Graph) -> set[int]:
    """`id` of every tensor that may be flat."""
    flat = {id(tensor) for tensor in graph.inputs}
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


def _flat_nodes_before(node: gs.Node, flat: set[int]) -> list[gs.Node]:
    """Nodes that a node depends on through flat tensors alone."""
    found: dict[int, gs.Node] = {}
    waiting = list(node.inputs)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in flat and tensor.inputs and id(tensor.inputs[0]) not in found:
            found[id(tensor.inputs[0])] = tensor.inputs[0]
            waiting += tensor.inputs[0].inputs
    return list(found.values())
