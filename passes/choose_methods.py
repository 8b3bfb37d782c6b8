"""Choose how native kernels compute each 3x3 convolution of stride 1, by the cost model.

JpegConv(x, w, b)  =>  JpegConv<method = "winograd4">(x, w, b)

Only for target ort, and for float32: there are no kernels for others, and function bodies ignore
the attribute. Every method is exact up to the rounding of float32. Where the model leaves the batch
open, kernels are chosen for one image.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.cost.model import Layer, fastest
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.fused import METHOD, WINDOWED
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

# Images of so few channels are convolved in another way, whatever a node says.
_FEW_CHANNELS = 4


class ChooseMethods(Pass):
    """Kernels obey the attribute; without it they go by a rule of thumb."""

    name = "choose-methods"

    def run(self, module: Module) -> bool:
        """Returns whether a choice changed."""
        if module.options.target != "ort":
            return False
        changed = False
        for node in module.graph.nodes:
            layer = _layer(node)
            if layer is None:
                continue
            method = fastest(layer)
            changed |= node.attrs.get(METHOD) != method
            node.attrs[METHOD] = method
            source = module.convolutions.get(node.name, node.name)
            if module.report.has(source):
                module.report.add(replace(module.report.node(source), method=method))
        return changed


def _layer(node: gs.Node) -> Layer | None:
    """What the model asks of a node; None where there is nothing to choose."""
    if node.domain != DOMAIN or node.op not in WINDOWED or node.outputs[0].dtype != np.float32:
        return None
    filters, made = node.inputs[1].shape, node.outputs[0].shape
    if filters is None or list(filters[2:]) != [3, 3] or node.attrs["group"] != 1:
        return None
    if list(node.attrs["strides"]) != [1, 1] or list(node.attrs["dilations"]) != [1, 1]:
        return None
    if filters[1] <= _FEW_CHANNELS:
        return None
    batch = made[0] if isinstance(made[0], int) else 1
    return Layer(int(filters[1]), int(filters[0]), int(made[2]), int(made[3]), max(batch, 1))
