"""Choose the method of native kernels for each 3x3 convolution of stride 1, by the cost model.

JpegConv(x, w, b)  =>  JpegConv<method = "winograd4">(x, w, b)

Only for float32, since there are no kernels for other types; function bodies ignore the attribute.
Every method is exact up to float32 rounding. With a dynamic batch, methods are chosen for the batch
size in the options.

Winograd requires larger weights: 4 times as large with tiles of 4, 1.8 times with tiles of 2. A
lean model uses Winograd only where it saves the most time for its memory, up to a small fraction of
all convolution weights.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.cost.model import Layer
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import operand, operator_of
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.convolution import METHOD
from jpegcompile.target.base import CostModel

# With at most this many input channels, kernels use another method and ignore the attribute.
_FEW_CHANNELS = 4
# Additional weights of a lean model, as a fraction of all convolution weights.
_LEAN_SHARE = 1 / 16


class ChooseMethods(Pass):
    """Sets the method of convolutions; without the attribute, kernels use a heuristic."""

    name = "choose-methods"

    def __init__(self, costs: CostModel) -> None:
        """Create the pass for the cost model of a target."""
        self._costs = costs

    def run(self, module: Module) -> bool:
        """Choose methods; returns whether a choice changed."""
        options = module.options
        layers = {
            node.name: layer
            for node in module.graph.nodes
            if (layer := _layer(node, options.batch or 1)) is not None
        }
        weight_budget = _LEAN_SHARE * _weights(module) if options.lean else math.inf
        methods = self._costs.methods(layers, weight_budget)
        changed = False
        for node in module.graph.nodes:
            if node.name not in layers:
                continue
            method = methods[node.name]
            changed |= node.attrs.get(METHOD.name) != method
            node.attrs[METHOD.name] = method
            source = module.convolutions.get(node.name, node.name)
            if module.report.has(source):
                module.report.add(replace(module.report.node(source), method=method))
        return changed


def _weights(module: Module) -> float:
    """Bytes of the weights of all convolutions that native kernels compute."""
    filters = [
        operand(node, "weight").shape
        for node in module.graph.nodes
        if (operator := operator_of(node)) is not None and operator.base and not operator.ingest
    ]
    return float(sum(4 * math.prod(shape) for shape in filters if shape is not None))


def _layer(node: gs.Node, batch: int) -> Layer | None:
    """Layer of a node for the cost model; None if there is nothing to choose."""
    operator = operator_of(node)
    if operator is None or operator.ingest or METHOD not in operator.attributes:
        return None
    if node.outputs[0].dtype != np.float32:
        return None
    filters, made = operand(node, "weight").shape, node.outputs[0].shape
    if filters is None or list(filters[2:]) != [3, 3] or node.attrs["group"] != 1:
        return None
    if list(node.attrs["strides"]) != [1, 1] or list(node.attrs["dilations"]) != [1, 1]:
        return None
    if filters[1] <= _FEW_CHANNELS:
        return None
    images = made[0] if isinstance(made[0], int) else batch
    return Layer(int(filters[1]), int(filters[0]), int(made[2]), int(made[3]), max(images, 1))
