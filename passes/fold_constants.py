"""Fold constant subgraphs and give every node a name of its own.

Op(constants...)  =>  constant        exact: computed by ONNX Runtime
"""

from __future__ import annotations

from itertools import count

import onnx_graphsurgeon as gs
from onnx_graphsurgeon.logger import G_LOGGER

from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class FoldConstants(Pass):
    """Fold what does not depend on an input; unnamed nodes get names, so that reports can cite."""

    name = "fold-constants"

    def run(self, module: Module) -> bool:
        """Returns whether a node was folded or named."""
        before = len(module.graph.nodes)
        # graphsurgeon logs to the terminal what it may or may not fold: not for our users.
        with G_LOGGER.suppress():
            module.graph.fold_constants().cleanup().toposort()
        return _name_nodes(module.graph) or len(module.graph.nodes) != before


def _name_nodes(graph: gs.Graph) -> bool:
    changed = False
    taken = {node.name for node in graph.nodes}
    seen = {""}
    for index, node in enumerate(graph.nodes):
        if node.name in seen:
            candidates = (f"{node.name or node.op}_{number}" for number in count(index))
            node.name = next(name for name in candidates if name not in taken)
            changed = True
        seen.add(node.name)
        taken.add(node.name)
    return changed
