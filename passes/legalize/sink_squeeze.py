"""Move the Squeeze of an image without batch downstream until a node restores the batch.

With S = Squeeze of a batch of one, from [1, A, B, C] to [A, B, C]:

Op(S(x), S(y), c)   =>  S(Op'(x, y, c))     Op' is Op with its axes shifted by one
Unsqueeze(S(x), 0)  =>  x                   also a Reshape or Expand to that shape; exact

An operator without a rule keeps the Squeeze before it. Only for models whose image has no batch
dimension; `frontend/image.py` has inserted the Squeeze.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import axes_of, write_axes
from jpegcompile.analysis.batch import ELEMENTWISE
from jpegcompile.ir.graph import bypass, input_at, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_RANK = 4
# Converts operands and attributes of a node to the larger rank; False leaves it unchanged.
_Rule = Callable[[gs.Node, Module], bool]


class SinkSqueeze(Pass):
    """Moves Squeezes in graph order, so that nodes downstream find a moved Squeeze."""

    name = "sink-squeeze"

    def run(self, module: Module) -> bool:
        """Move nodes; returns whether a node changed."""
        if module.image.has_batch:
            return False
        changed = False
        for node in list(module.graph.nodes):
            if node.domain in (None, "", "ai.onnx") and any(map(_is_squeezed, node.inputs)):
                changed |= _restore(node, module) or _sink(node, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _is_squeezed(tensor: gs.Tensor) -> bool:
    if not tensor.inputs or tensor.inputs[0].op != "Squeeze":
        return False
    squeeze = tensor.inputs[0]
    shape = squeeze.inputs[0].shape
    return shape is not None and len(shape) == _RANK and axes_of(squeeze, _RANK) == [0]


def _whole(tensor: gs.Tensor) -> gs.Tensor:
    """Return the input of the Squeeze that computes a tensor; return other tensors unchanged."""
    return tensor.inputs[0].inputs[0] if _is_squeezed(tensor) else tensor


def _restore(node: gs.Node, module: Module) -> bool:
    """Remove a node that restores the batch."""
    if node.op not in ("Unsqueeze", "Reshape", "Expand") or not _is_squeezed(node.inputs[0]):
        return False
    whole, target = _whole(node.inputs[0]), node.outputs[0]
    is_same = tuple(whole.shape) == tuple(target.shape or ())
    is_known = all(isinstance(size, int) for size in whole.shape)
    is_inverse = node.op == "Unsqueeze" and axes_of(node, _RANK) == [0]
    if not is_inverse and not (is_same and is_known):
        return False
    node.op, node.attrs, node.inputs = "Identity", {}, [whole]
    bypass(module.graph, node)
    return True


def _sink(node: gs.Node, module: Module) -> bool:
    rule = _RULES.get(node.op)
    targets = [tensor for tensor in node.outputs if tensor.name]
    known = all(t.shape is not None and len(t.shape) == _RANK - 1 for t in targets)
    if rule is None or not known or not rule(node, module):
        return False
    node.inputs = [_whole(tensor) for tensor in node.inputs]
    outputs = list(node.outputs)
    node.outputs = [_with_batch(t, module) if t.name else t for t in outputs]
    for whole, target in zip(node.outputs, outputs, strict=True):
        if target.name:
            _append_squeeze(whole, target, module)
    return True


def _with_batch(target: gs.Tensor, module: Module) -> gs.Variable:
    return gs.Variable(module.fresh(f"{target.name}.batch"), target.dtype, (1, *target.shape))


def _append_squeeze(whole: gs.Tensor, target: gs.Tensor, module: Module) -> None:
    name = module.fresh(f"{target.name}.Squeeze")
    squeeze = gs.Node("Squeeze", name, {}, [whole], [target])
    write_axes(squeeze, [0], module)
    module.graph.nodes.append(squeeze)


def _elementwise(node: gs.Node, module: Module) -> bool:
    """Rule for elementwise operators; constants of lower rank broadcast as before."""
    return all(
        not tensor.name or _is_squeezed(tensor) or _is_smaller_constant(tensor)
        for tensor in node.inputs
    )


def _is_smaller_constant(tensor: gs.Tensor) -> bool:
    return isinstance(tensor, gs.Constant) and len(tensor.shape) < _RANK


def _transpose(node: gs.Node, module: Module) -> bool:
    order = node.attrs.get("perm", reversed(range(_RANK - 1)))
    node.attrs["perm"] = [0, *(int(axis) + 1 for axis in order)]
    return True


def _along(default: int) -> _Rule:
    """Create a rule for operators along one axis whose operands are all squeezed."""

    def rule(node: gs.Node, module: Module) -> bool:
        rest = node.inputs[1:] if node.op == "Concat" else []
        if not all(map(_is_squeezed, [node.inputs[0], *rest])):
            return False
        node.attrs["axis"] = int(node.attrs.get("axis", default)) % (_RANK - 1) + 1
        return True

    return rule


def _gather(node: gs.Node, module: Module) -> bool:
    """Rule for Gather with a list of indices; indices of other ranks would shift later axes."""
    indices = value_of(node.inputs[1])
    return indices is not None and indices.ndim == 1 and _along(0)(node, module)


def _slice(node: gs.Node, module: Module) -> bool:
    if not _is_squeezed(node.inputs[0]):
        return False
    if "starts" in node.attrs:
        axes = node.attrs.get("axes", range(len(node.attrs["starts"])))
        node.attrs["axes"] = [int(axis) % (_RANK - 1) + 1 for axis in axes]
        return True
    operand, starts = input_at(node, 3), node.inputs[1]
    given = value_of(operand)
    if operand is None and value_of(starts) is not None:
        given = np.arange(len(starts.values))
    if given is None:
        return False
    # All bounds must have the same type, int32 or int64.
    moved = np.asarray([int(axis) % (_RANK - 1) + 1 for axis in given], starts.dtype)
    axes = gs.Constant(module.fresh(f"{node.outputs[0].name}.axes"), moved)
    node.inputs = [*node.inputs[:3], axes, *node.inputs[4:]]
    return True


_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    "Concat": _along(0),
    "Gather": _gather,
    "Slice": _slice,
    "Split": _along(0),
    "Transpose": _transpose,
}
