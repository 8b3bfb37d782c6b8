"""Reject models with feature maps that are quantized to integers. Changes nothing.

Rounding is neither linear nor piecewise linear with few pieces, so it has no JPEG-domain form.
Vectors downstream of the last map may be quantized; their operators stay unchanged.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.quantized import ADVICE, is_quantized
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.graph import label
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message


class RefuseQuantized(Pass):
    """Raises an error that names the first node with a quantized feature map."""

    name = "refuse-quantized"

    def run(self, module: Module) -> bool:
        """Check the nodes; returns False, since the graph stays unchanged.

        Raises:
            UnsupportedModelError: if a node computes with a quantized feature map.
        """
        for node in module.graph.nodes:
            if is_quantized(node.op, node.domain) and _works_on_map(node):
                text = f"{label(node)} computes with a feature map quantized to integers, {ADVICE}"
                raise UnsupportedModelError(Message("quantized-feature-map", text))
        return False


def _works_on_map(node: gs.Node) -> bool:
    """Whether a node has variable inputs, and one of its tensors may be a map."""
    given = [t for t in node.inputs if isinstance(t, gs.Variable) and t.name]
    return bool(given) and any(map(_may_be_map, [*given, *(t for t in node.outputs if t.name)]))


def _may_be_map(tensor: gs.Tensor) -> bool:
    """Whether a tensor has height and width, or an unknown shape."""
    if tensor.shape is None:
        return True
    # A map of one pixel is a vector; the layout may still be channels-last here.
    sides = (tuple(tensor.shape[2:]), tuple(tensor.shape[1:3]))
    return len(tensor.shape) == 4 and (1, 1) not in sides
