"""Remove operators that have no effect at inference.

Identity(x)  =>  x
Dropout(x)   =>  x        if it is not in training mode; exact
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import bypass, input_at, is_graph_output, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class RemoveIdentity(Pass):
    """Removes nodes and redirects their readers."""

    name = "remove-identity"

    def run(self, module: Module) -> bool:
        """Remove nodes; returns whether a node was removed."""
        changed = False
        for node in list(module.graph.nodes):
            if _does_nothing(node, module.graph):
                changed |= bypass(module.graph, node)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _does_nothing(node: gs.Node, graph: gs.Graph) -> bool:
    if node.op == "Identity":
        return True
    if node.op != "Dropout":
        return False
    mask_used = any(mask.outputs or is_graph_output(graph, mask) for mask in node.outputs[1:])
    training = input_at(node, 2)
    value = value_of(training)
    training_off = training is None or (value is not None and not bool(value))
    return not mask_used and training_off
