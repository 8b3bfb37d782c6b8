"""Choose how native kernels compute each 3x3 convolution of stride 1, by the cost model.

JpegConv(x, w, b)  =>  JpegConv<method = "winograd4">(x, w, b)

Only for float32: there are no kernels for others, and function bodies ignore the attribute. Every
method is exact up to the rounding of float32. Where the model leaves the batch open, kernels are
chosen for the batch that was asked for.

Winograd's weights are larger than the model's: 4 times in tiles of 4, 1.8 times in tiles of 2. A
lean model takes them only where they save the most time for their size, up to a small share of all
weights of convolutions.
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

# Images of so few channels are convolved in another way, whatever a node says.
_FEW_CHANNELS = 4
# Of the weights of convolutions, what a lean model may take besides.
_LEAN_SHARE = 1 / 16


class ChooseMethods(Pass):
    """Kernels obey the attribute; without it they go by a rule of thumb."""

    name = "choose-methods"

    def __init__(self, costs: CostModel) -> None:
        """Choose by the cost model of a target."""
        self._costs = costs

    def run(self, module: Module) -> bool:
        """Returns whether a choice changed."""
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
    """Bytes of the weights of all convolutions that native kernels pack."""
    filters = [
        operand(node, "weight").shape
        for node in module.graph.nodes
        if (operator := operator_of(node)) is not None and operator.base and not operator.ingest
    ]
    return float(sum(4 * math.prod(shape) for shape in filters if shape is not None))


def _layer(node: gs.Node, batch: int) -> Layer | None:
    """What the model asks of a node; None where there is nothing to choose."""
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
