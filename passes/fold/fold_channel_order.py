"""Fold a permutation of channels into the weights of the convolution that reads them.

Conv(Gather(x, order), w)           =>  Conv(x, w in the order of x)
ConvTranspose(Gather(x, order), w)  =>  ConvTranspose(x, w in the order of x)
f(Gather(x, order), c)              =>  Gather(f(x, c in the order of x), order)

order is a permutation of all channels, for instance from RGB to BGR. f is arithmetic with constants
for each channel. Exact except for rounding, since sums have another order.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.channels import Indices, channels_of, gather_of
from jpegcompile.ir.graph import is_graph_output, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_ARITHMETIC = ("Add", "Sub", "Mul", "Div")


class FoldChannelOrder(Pass):
    """Folds permutations with one reader; creates new weights, since nodes may share weights."""

    name = "fold-channel-order"

    def run(self, module: Module) -> bool:
        """Fold permutations; returns whether one was folded or moved."""
        changed = False
        # A permutation that moves past a node may be folded into the next node.
        for node in list(module.graph.nodes):
            match = _order_before(node, module.graph)
            if match is None:
                continue
            position, source, order = match
            if node.op in ("Conv", "ConvTranspose"):
                changed |= _fold(node, source, order, module)
            elif node.op in _ARITHMETIC:
                changed |= _move(node, position, source, order, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _order_before(node: gs.Node, graph: gs.Graph) -> tuple[int, gs.Tensor, Indices] | None:
    """Return the position of a permuted operand, the map before it, and the permutation."""
    variables = [i for i, t in enumerate(node.inputs) if t.name and value_of(t) is None]
    if len(variables) != 1:
        return None
    tensor = node.inputs[variables[0]]
    if len(tensor.outputs) != 1 or is_graph_output(graph, tensor):
        return None
    found = channels_of(tensor)
    if found is None:
        return None
    source, order = found
    if not np.array_equal(np.sort(order), np.arange(int(source.shape[1]))):
        return None
    return variables[0], source, order


def _fold(node: gs.Node, source: gs.Tensor, order: Indices, module: Module) -> bool:
    weight = value_of(node.inputs[1])
    if weight is None or weight.ndim != 4 or int(node.attrs.get("group", 1)) != 1:
        return False
    axis = 1 if node.op == "Conv" else 0
    values = np.ascontiguousarray(np.take(weight, np.argsort(order), axis=axis))
    name = module.fresh(f"{node.inputs[1].name}.ordered")
    node.inputs = [source, gs.Constant(name, values), *node.inputs[2:]]
    return True


def _move(node: gs.Node, position: int, source: gs.Tensor, order: Indices, module: Module) -> bool:
    """Move the permutation after the node."""
    values, target = value_of(node.inputs[1 - position]), node.outputs[0]
    if values is None or values.ndim > 4 or tuple(target.shape or ()) != tuple(source.shape):
        return False
    if values.ndim >= 3 and values.shape[-3] != 1:
        values = np.ascontiguousarray(np.take(values, np.argsort(order), axis=-3))
    name = f"{target.name}.ordered"
    node.inputs[position] = source
    node.inputs[1 - position] = gs.Constant(module.fresh(f"{name}.operand"), values)
    made = gs.Variable(module.fresh(name), target.dtype, target.shape)
    node.outputs = [made]
    gather = gather_of(made, order, module.fresh(f"{name}.gather"), module.fresh(f"{name}.order"))
    gather.outputs = [target]
    module.graph.nodes.append(gather)
    return True
