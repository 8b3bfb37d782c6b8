"""Max poolings that can be lowered."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.window import Window, padding_problem, window_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, is_sequence, map_problem


def max_pool_of(node: gs.Node, module: Module) -> Window | Decline | None:
    """The window of a pooling between two maps of known size; None if it has no maps."""
    if is_sequence(node.inputs[0]):
        return None
    problem = map_problem(node, module, node.inputs[0], node.outputs[0])
    if problem is not None:
        return problem
    if len(node.outputs) > 1 and node.outputs[1].name:
        return Decline(node, "its second output, the positions of the maxima, is spatial")
    implicit = padding_problem(node)
    if implicit is not None:
        return Decline(node, implicit)
    window = window_of(node, tuple(node.attrs["kernel_shape"]))
    return window or Decline(node, "it does not pool over height and width")
