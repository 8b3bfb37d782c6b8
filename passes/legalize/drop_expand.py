"""Remove explicit broadcasting of an operand of arithmetic.

Mul(x, Expand(y, shape of x))  =>  Mul(x, y)        the same for Add, Sub, Div and Tile; exact
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.shape_values import shape_values
from jpegcompile.ir.graph import Shape, is_graph_output, replace_uses
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_ARITHMETIC = ("Add", "Sub", "Mul", "Div")


class DropExpand(Pass):
    """Removes nodes whose readers all have another operand of the full shape."""

    name = "drop-expand"

    def run(self, module: Module) -> bool:
        """Remove nodes; returns whether an Expand or Tile was removed."""
        changed = False
        for node in list(module.graph.nodes):
            if node.op in ("Expand", "Tile") and _is_needless(node, module.graph):
                replace_uses(node.outputs[0], node.inputs[0])
                changed = True
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _is_needless(node: gs.Node, graph: gs.Graph) -> bool:
    target, shape = node.outputs[0], _expanded(node)
    if shape is None or not target.outputs or is_graph_output(graph, target):
        return False
    return all(_has_that_shape(reader, target, shape) for reader in target.outputs)


def _expanded(node: gs.Node) -> Shape | None:
    """Shape to which a node broadcasts its input; None if unknown, or if the node repeats data."""
    given, operand = node.inputs[0].shape, shape_values(node.inputs[1])
    if given is None or operand is None or len(given) > len(operand):
        return None
    if "" in given:
        return None
    padded = [1] * (len(operand) - len(given)) + list(given)
    if node.op == "Expand":
        return tuple(d if o == 1 else o for d, o in zip(padded, operand, strict=True))
    # A Tile that repeats an axis longer than 1 does more than broadcast.
    if any(o != 1 and d != 1 for d, o in zip(padded, operand, strict=True)):
        return None
    return tuple(d if o == 1 else o for d, o in zip(padded, operand, strict=True))


def _has_that_shape(reader: gs.Node, target: gs.Tensor, shape: Shape) -> bool:
    if reader.op not in _ARITHMETIC:
        return False
    others = [t for t in reader.inputs if t is not target]
    return any(t.shape is not None and tuple(t.shape) == shape for t in others)
