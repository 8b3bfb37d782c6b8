"""Modules that end in a softmax, and the same modules without it.

Cross entropy needs logits; a network with a softmax at its end returns probabilities.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from jpegcompile.learning.lowering.whole import kind_of_graph

_FUNCTIONS = (torch.softmax, torch.log_softmax, functional.softmax, functional.log_softmax)
_METHODS = ("softmax", "log_softmax")
_MODULES = (nn.Softmax, nn.LogSoftmax, nn.Softmax2d)


def softmax_of(module: fx.GraphModule) -> fx.Node | None:
    """Return the softmax whose result is the only output of a module; None if there is none."""
    output = next(node for node in reversed(module.graph.nodes) if node.op == "output")
    made = output.args[0]
    if not isinstance(made, fx.Node):
        return None
    if made.op == "call_module":
        is_softmax = isinstance(module.get_submodule(str(made.target)), _MODULES)
    else:
        is_softmax = made.target in (_METHODS if made.op == "call_method" else _FUNCTIONS)
    return made if is_softmax else None


def logits_of(module: fx.GraphModule) -> fx.GraphModule:
    """Return a module without the softmax at its end, with the same parameters and modules.

    Frequencies that are set in one of them are those of both. `to_onnx` writes the same file for
    both if they come from an ONNX model.

    Args:
        module: the module; one that does not end in a softmax is returned as it is.
    """
    last = softmax_of(module)
    if last is None:
        return module
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    graph.graph_copy(module.graph, copies)
    graph.output(copies[last].all_input_nodes[0])
    if not copies[last].users:
        graph.erase_node(copies[last])
    made: Any = kind_of_graph(module)(module, graph)
    if hasattr(module, "source"):
        made.source, made.ends_in_softmax = module.source, False
    made.train(module.training)
    return made  # type: ignore[no-any-return]
