"""Discontinuous operators: what they read stays on pixels, back to the last layer with weights.

A transform and its inverse round. A comparison of two values that are equal on pixels, such as a
map and its maxima, would otherwise become arbitrary.
"""

from __future__ import annotations

from torch import fx, nn

from jpegcompile.learning.lowering.calls import call_of
from jpegcompile.learning.lowering.shapes import block_of_node, has_tensors
from jpegcompile.messages import Message

_STEPS = frozenset(
    (
        *("eq", "ne", "gt", "ge", "lt", "le", "greater", "less", "not_equal", "isclose"),
        *("floor", "ceil", "round", "trunc", "frac", "fix", "sign", "heaviside"),
        *("floordiv", "floor_divide", "mod", "fmod", "remainder"),
        *("argmax", "argmin", "topk", "sort", "argsort", "unique", "nonzero"),
    )
)
_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.modules.batchnorm._BatchNorm)
_FUNCTIONS = frozenset(("conv2d", "conv_transpose2d", "linear", "batch_norm"))


def read_by_steps(module: fx.GraphModule) -> dict[str, Message]:
    """Return the nodes that must stay on pixels for a discontinuous operator, and why."""
    found: dict[str, Message] = {}
    for node in module.graph.nodes:
        if not node.op.startswith("call_") or not has_tensors(node):
            continue
        if call_of(node, module).kind in _STEPS and any(map(_is_map, node.all_input_nodes)):
            text = f"'{node.name}' is discontinuous, so what it reads stays on pixels"
            reason = Message("learning-discontinuous", text)
            pending = [node]
            while pending:
                part = pending.pop()
                if part.name in found or not part.op.startswith("call_"):
                    continue
                if not _is_layer(part, module):
                    found[part.name] = reason
                    pending += part.all_input_nodes
    return found


def _is_map(node: fx.Node) -> bool:
    return block_of_node(node) > 1


def _is_layer(node: fx.Node, module: fx.GraphModule) -> bool:
    call = call_of(node, module)
    return call.kind in _FUNCTIONS or isinstance(call.module, _LAYERS)
