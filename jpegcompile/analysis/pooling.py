"""Max pooling nodes that can be lowered."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.window import Window, pool_window
from jpegcompile.ir.decline import Decline, is_sequence, map_problem
from jpegcompile.ir.module import Module
from jpegcompile.messages import Message


def max_pool_of(node: gs.Node, module: Module) -> Window | Decline | None:
    """Match a max pooling between two maps of known size.

    Returns:
        The window, or why the node is declined; None if its input is not a map.
    """
    if is_sequence(node.inputs[0]):
        return None
    problem = map_problem(node, module, node.inputs[0], node.outputs[0])
    if problem is not None:
        return problem
    if len(node.outputs) > 1 and node.outputs[1].name:
        text = "its second output, the positions of the maxima, has no JPEG-domain form"
        return Decline(node, Message("pool-returns-positions", text))
    window = pool_window(node)
    return Decline(node, window) if isinstance(window, Message) else window
