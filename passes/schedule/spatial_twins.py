"""Replace standard operators by equivalent jpegcompile operators that have native kernels.

MaxPool(x)            =>  SpatialMaxPool(x)              at block size 1
GlobalAveragePool(x)  =>  SpatialGlobalAveragePool(x)    at block size 1
Mul(x, s)             =>  JpegScale(x, s)                s of [N, C, 1, 1] or [1, C, 1, 1]

Exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.analysis.pooling import max_pool_of
from jpegcompile.analysis.window import Window
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import Operands, replace_operator
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.arithmetic import SCALE
from jpegcompile.operators.piecewise import SPATIAL_GLOBAL_AVERAGE_POOL, SPATIAL_MAX_POOL

# Operator, inputs and attributes of the new node.
Twin = tuple[str, Operands, Mapping[str, Any]]


class SpatialTwins(Pass):
    """Replaces pooling and products; `fuse_convolution.py` replaces convolutions."""

    name = "spatial-twins"

    def run(self, module: Module) -> bool:
        """Replace operators; returns whether one was replaced."""
        changed = False
        for node in module.graph.nodes:
            is_open = node.domain != DOMAIN and node.name not in module.exact_nodes
            twin = _twin(node, module) if is_open else None
            if twin is not None:
                op, inputs, attrs = twin
                replace_operator(node, op, inputs, attrs)
                node.outputs = node.outputs[:1]
                changed = True
        return changed


def _twin(node: gs.Node, module: Module) -> Twin | None:
    if node.op == "Mul":
        return _scale(node, module)
    if any(module.maps.get(t.name) != 1 for t in (node.inputs[0], node.outputs[0]) if t.name):
        return None
    if node.op == "GlobalAveragePool":
        return SPATIAL_GLOBAL_AVERAGE_POOL, {"x": node.inputs[0]}, {}
    if node.op == "MaxPool":
        window = max_pool_of(node, module)
        if isinstance(window, Window):
            return SPATIAL_MAX_POOL, {"x": node.inputs[0]}, _attributes(window)
    return None


def _attributes(window: Window) -> dict[str, Any]:
    return {
        "kernel_shape": list(window.kernel),
        "strides": list(window.strides),
        "pads": window.pads,
        "dilations": list(window.dilations),
    }


def _scale(node: gs.Node, module: Module) -> Twin | None:
    """Return a product of a map and one factor for each channel, in any order, as a scale."""
    for x, scale in (node.inputs, node.inputs[::-1]):
        shapes = [tuple(t.shape or ()) for t in (x, scale)]
        if any(len(shape) != 4 for shape in shapes) or not isinstance(x, gs.Variable):
            continue
        (batch, channels, *plane), (images, *factors) = shapes
        is_scale = factors == [channels, 1, 1] and images in (batch, 1) and plane != [1, 1]
        block = module.current_block(x)
        # A map may be assigned a larger block size and still be kept spatial.
        is_lowered = block > 1 or module.maps.get(x.name) == 1
        if is_scale and is_lowered and tuple(node.outputs[0].shape or ()) == shapes[0]:
            return SCALE, {"x": x, "scale": scale}, {"block": block}
    return None
