"""Rewrite arithmetic on maps to the forms that lowerings support.

Sub(c, x)            =>  Add(Neg(x), c)                      c constant, or one number per channel
Sum(x, ..., c, ...)  =>  Add(Add(Sum(x, ...), c), ...)
Max(x, c)            =>  Clip(x, c, none)                    c a constant number
Min(x, c)            =>  Clip(x, none, c)                    exact
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import is_float, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

# Since this opset, the bounds of Clip are inputs.
_CLIP_WITH_INPUTS = 11


class CanonicalArithmetic(Pass):
    """Rewrites arithmetic whose result is a map: rank 4, floating point."""

    name = "canonical-arithmetic"

    def run(self, module: Module) -> bool:
        """Rewrite nodes; returns whether a node was rewritten."""
        rules = {"Sub": _negate, "Sum": _add_one_by_one, "Max": _clip, "Min": _clip}
        changed = False
        for node in list(module.graph.nodes):
            if node.op in rules and _is_map(node.outputs[0]):
                changed |= rules[node.op](node, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _is_map(tensor: gs.Tensor) -> bool:
    return is_float(tensor) and tensor.shape is not None and len(tensor.shape) == 4


def _split(node: gs.Node) -> tuple[list[gs.Tensor], list[gs.Tensor]]:
    """Return the operands that are variables of the result's shape, and the other operands."""
    shape = tuple(node.outputs[0].shape)
    maps = [t for t in node.inputs if value_of(t) is None and tuple(t.shape or ()) == shape]
    return maps, [t for t in node.inputs if all(t is not m for m in maps)]


def _negate(node: gs.Node, module: Module) -> bool:
    maps, others = _split(node)
    if len(maps) != 1 or len(others) != 1 or node.inputs[1] is not maps[0]:
        return False
    node.inputs = [_append(module, "Neg", [maps[0]], node), others[0]]
    node.op = "Add"
    return True


def _add_one_by_one(node: gs.Node, module: Module) -> bool:
    maps, others = _split(node)
    if not maps or not others:
        return False
    total = maps[0] if len(maps) == 1 else _append(module, "Sum", maps, node)
    for operand in others[:-1]:
        total = _append(module, "Add", [total, operand], node)
    node.op, node.inputs = "Add", [total, others[-1]]
    return True


def _clip(node: gs.Node, module: Module) -> bool:
    maps, others = _split(node)
    bound = value_of(others[0]) if len(others) == 1 else None
    if len(maps) != 1 or bound is None or bound.size != 1:
        return False
    value = bound.reshape(())
    if module.graph.opset < _CLIP_WITH_INPUTS and np.float32(value) != value:
        # The attribute is float32, which cannot represent this float64 bound.
        return False
    is_low = node.op == "Max"
    node.op, node.inputs = "Clip", [maps[0]]
    if module.graph.opset < _CLIP_WITH_INPUTS:
        node.attrs = {"min" if is_low else "max": float(value)}
        return True
    constant = gs.Constant(module.fresh(f"{node.outputs[0].name}.bound"), value)
    node.inputs += [constant] if is_low else [gs.Variable.empty(), constant]
    return True


def _append(module: Module, op: str, inputs: list[gs.Tensor], node: gs.Node) -> gs.Variable:
    """Append a node whose output has the shape of the output of `node`; return its output."""
    target = node.outputs[0]
    name = module.fresh(f"{target.name}.{op.lower()}")
    result = gs.Variable(name, target.dtype, target.shape)
    module.graph.nodes.append(gs.Node(op, name, {}, inputs, [result]))
    return result
