"""Modules that end in a softmax, and the same modules without it.

Cross entropy needs logits; a network with a softmax at its end returns probabilities.
"""

from __future__ import annotations

import torch
from torch import fx, nn
from torch.nn import functional

_SOFTMAXES = (torch.softmax, torch.log_softmax, functional.softmax, functional.log_softmax)


def softmax_of(graph: fx.Graph) -> fx.Node | None:
    """Return the softmax whose result is the only output of a graph; None if there is none."""
    output = next(node for node in reversed(graph.nodes) if node.op == "output")
    made = output.args[0]
    if not isinstance(made, fx.Node):
        return None
    is_call = made.op == "call_function" and made.target in _SOFTMAXES
    return made if is_call else None


def logits_of(module: fx.GraphModule) -> nn.Module:
    """Return a module without the softmax at its end, with the same parameters and modules.

    Args:
        module: the module; one that does not end in a softmax is returned as it is.
    """
    if softmax_of(module.graph) is None:
        return module
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    result = graph.graph_copy(module.graph, copies)
    last = softmax_of(module.graph)
    assert last is not None
    assert result is copies[last]
    graph.output(copies[last].all_input_nodes[0])
    graph.erase_node(copies[last]) if not copies[last].users else None
    made = fx.GraphModule(module, graph)
    made.train(module.training)
    return made
