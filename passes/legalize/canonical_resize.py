"""Convert the sizes of a Resize to a form that does not contain the batch size.

Resize(x[N, C, H, W], sizes [N, C, h, w])  =>  Resize<axes = [2, 3]>(x, sizes [h, w])     opset 18
Resize(x[N, C, H, W], sizes [N, C, h, w])  =>  Resize(x, scales [1, 1, h/H, w/W])   below opset 18
Resize(x, scales computed from shapes)     =>  Resize(x, constant scales)                    exact

ONNX Runtime also divides the sizes in this way. If the product of size and scale, rounded down, is
not the new size, the sizes stay.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.resampling import Resampling, inferred_size, resampling_of, resized
from jpegcompile.ir.graph import input_at, static_dims, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message

_RESIZE_WITH_AXES = 18


class CanonicalResize(Pass):
    """Replaces sizes and scales of maps that are computed or contain the batch size."""

    name = "canonical-resize"

    def run(self, module: Module) -> bool:
        """Rewrite nodes; returns whether a node changed."""
        changed = False
        for node in list(module.graph.nodes):
            if node.op in ("Resize", "Upsample"):
                changed |= _canonicalize(node, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _canonicalize(node: gs.Node, module: Module) -> bool:
    shape = node.inputs[0].shape
    if shape is None or len(shape) != 4 or static_dims(shape[2:]) is None:
        return False
    if "axes" in node.attrs:
        return False
    match = resampling_of(node)
    if isinstance(match, Message):
        return False
    opset = int(module.graph.opset)
    if not match.by_sizes:
        return _set_scales(node, match, module)
    if opset >= _RESIZE_WITH_AXES:
        sizes = gs.Constant(_fresh(node, module, "sizes"), np.asarray(match.sizes, np.int64))
        node.attrs["axes"] = [2, 3]
        node.inputs = [node.inputs[0], gs.Variable.empty(), gs.Variable.empty(), sizes]
        return True
    for size, scale, target in zip(shape[2:], match.scales, match.sizes, strict=True):
        if resized(size, scale) != target or inferred_size(size, scale) != target:
            return False
    return _set_scales(node, match, module)


def _set_scales(node: gs.Node, match: Resampling, module: Module) -> bool:
    index = 2 if len(node.inputs) > 2 else 1
    operand = input_at(node, index)
    if "scales" in node.attrs or (not match.by_sizes and value_of(operand) is not None):
        return False
    values = np.asarray([1.0, 1.0, *match.scales], np.float32)
    scales = gs.Constant(_fresh(node, module, "scales"), values)
    node.inputs = [*node.inputs[:index], scales]
    return True


def _fresh(node: gs.Node, module: Module, part: str) -> str:
    return module.fresh(f"{node.outputs[0].name}.{part}")
