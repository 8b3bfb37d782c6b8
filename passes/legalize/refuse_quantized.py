"""Refuse feature maps that are rounded to integers. Changes nothing.

Rounding is no linear map and not piecewise linear in few pieces either: it has no JPEG-domain form.
Vectors behind the last map may be rounded: what is there stays as it is.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.quantized import ADVICE, is_quantized
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.graph import label
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class RefuseQuantized(Pass):
    """Name the first node that works on a rounded feature map."""

    name = "refuse-quantized"

    def run(self, module: Module) -> bool:
        """Returns False: the graph stays."""
        for node in module.graph.nodes:
            if is_quantized(node.op, node.domain) and _works_on_map(node):
                raise UnsupportedModelError(
                    f"{label(node)} works on a feature map rounded to integers, {ADVICE}"
                )
        return False


def _works_on_map(node: gs.Node) -> bool:
    """A node of constants alone makes an output of weights, and is nobody's concern."""
    given = [t for t in node.inputs if isinstance(t, gs.Variable) and t.name]
    return bool(given) and any(map(_may_be_map, [*given, *(t for t in node.outputs if t.name)]))


def _may_be_map(tensor: gs.Tensor) -> bool:
    """Whether a tensor has height and width, or may have: its shape is not known."""
    if tensor.shape is None:
        return True
    # One pixel is a vector, be it channels-first or channels-last, as it may still be here.
    sides = (tuple(tensor.shape[2:]), tuple(tensor.shape[1:3]))
    return len(tensor.shape) == 4 and (1, 1) not in sides
