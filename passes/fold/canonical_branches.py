"""Replace maps of rank 5 and more, which contain branches, by maps of rank 4.

Reshape(x[N, M C, H, W], [N, M, C, H, W]), Unsqueeze, Concat    x itself, or a Concat of channels
Mul(x5, a[N, M, C, 1, 1]), Relu(x5), ...                        the same at rank 4
ReduceSum(x5, axes = {1})                                       the sum of M pieces of C channels
ReduceMean(x5, axes = {3, 4})                                   GlobalAveragePool
Gather, Slice, Split, Transpose of M and C                      Gather of channels

Selective-kernel and split-attention networks contain such maps (Li et al. 2019, Zhang et al. 2020).
Exact: elements keep their order; the axes between batch and height become one axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import reduced_axes
from jpegcompile.analysis.branches import Indices, Stack, Surgery
from jpegcompile.analysis.slices import slice_axes
from jpegcompile.ir.graph import static_dims, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.pixelwise import FUNCTIONS

_SAME_OF_EACH = frozenset((*FUNCTIONS, "Cast", "Identity", "LeakyRelu", "Neg", "Relu"))
_OF_TWO = frozenset(("Add", "Div", "Max", "Min", "Mul", "Sub"))
_RESHAPES = ("Reshape", "Squeeze", "Unsqueeze")
_REDUCTIONS = {"ReduceMax": "Max", "ReduceMean": "Add", "ReduceMin": "Min", "ReduceSum": "Add"}


class CanonicalBranches(Pass):
    """Rewrites floating-point maps of known channels, height and width."""

    name = "canonical-branches"

    def run(self, module: Module) -> bool:
        """Rewrite nodes; returns whether the graph changed."""
        surgery = Surgery(module)
        for node in list(module.graph.nodes):
            _visit(surgery, node)
        surgery.finish()
        if surgery.has_added:
            module.graph.cleanup().toposort()
        return surgery.changed


def _visit(surgery: Surgery, node: gs.Node) -> None:
    """If a node reads stacks, apply it to the maps of the stacks instead."""
    rule = _RULES.get(node.op) if node.domain in (None, "", "ai.onnx") else None
    made = None if rule is None else rule(surgery, node)
    if made is None:
        surgery.require_whole(node)
        return
    for target, stack in zip(node.outputs, made, strict=True):
        surgery.give(target, stack)


def _dims(tensor: gs.Tensor) -> tuple[int, ...] | None:
    """Sizes of the axes after the batch; None if unknown."""
    return None if not tensor.shape else static_dims(tensor.shape[1:])


def _reshape(surgery: Surgery, node: gs.Node) -> list[Stack] | None:
    """Reshape the branches: from [N, ..., H, W] to [N, ..., H, W] with the same plane."""
    source, target = node.inputs[0], node.outputs[0]
    stack, dims = surgery.stack_of(source), _dims(target)
    if stack is None or dims is None or len(dims) < 3 or target.shape[0] != source.shape[0]:
        return None
    if len(source.shape) == 4 and len(dims) == 3:
        return None
    if dims[-2:] != tuple(stack.map.shape[2:]):
        return None
    return [Stack(stack.map, dims[:-2])]


def _concat(surgery: Surgery, node: gs.Node) -> list[Stack] | None:
    """Concatenate branches."""
    target, axis = node.outputs[0], int(node.attrs["axis"]) % len(node.outputs[0].shape or (0,))
    dims = _dims(target)
    stacks = [surgery.stacks.get(id(t)) for t in node.inputs]
    if dims is None or not 0 < axis < len(dims) - 1 or math.prod(dims[: axis - 1]) != 1:
        return None
    known = [stack for stack in stacks if stack is not None]
    if len(known) != len(stacks):
        return None
    shape = (math.prod(dims[:-2]), dims[-2], dims[-1])
    maps = [stack.map for stack in known]
    joined = maps[0] if len(maps) == 1 else surgery.new_map("Concat", maps, target, shape, axis=1)
    return [Stack(joined, dims[:-2])]


def _each(surgery: Surgery, node: gs.Node) -> list[Stack] | None:
    """Apply an elementwise function, possibly with scalar parameters."""
    target, stack = node.outputs[0], surgery.stacks.get(id(node.inputs[0]))
    others = [value_of(t) for t in node.inputs[1:] if t.name]
    if stack is None or any(v is None or v.size != 1 for v in others):
        return None
    shape = tuple(int(d) for d in stack.map.shape[1:])
    inputs = [stack.map, *node.inputs[1:]]
    made = surgery.new_map(node.op, inputs, target, (shape[0], shape[1], shape[2]), **node.attrs)
    return [Stack(made, stack.branches)]


def _of_two(surgery: Surgery, node: gs.Node) -> list[Stack] | None:
    """Apply arithmetic to two stacks, or a stack and factors, with broadcasting of branches."""
    target, dims = node.outputs[0], _dims(node.outputs[0])
    stacks = [surgery.stacks.get(id(t)) for t in node.inputs]
    if dims is None or len(dims) < 4 or len(node.inputs) != 2 or not any(stacks):
        return None
    branches, plane = dims[:-2], dims[-2:]
    whole = Stack(target, branches)
    operands = []
    for tensor, stack in zip(node.inputs, stacks, strict=True):
        if stack is None:
            operand = surgery.vector(tensor, whole, target)
        elif len(stack.branches) != len(branches) or tuple(stack.map.shape[2:]) != plane:
            return None
        else:
            channels = np.broadcast_to(stack.indices(), branches)
            operand = surgery.gather(stack, channels, target)
        if operand is None:
            return None
        operands.append(operand)
    shape = (math.prod(branches), plane[0], plane[1])
    return [Stack(surgery.new_map(node.op, operands, target, shape, **node.attrs), branches)]


def _reduce(surgery: Surgery, node: gs.Node) -> list[Stack] | None:
    """Reduce over an axis of branches, or over the plane."""
    source, target = node.inputs[0], node.outputs[0]
    stack = surgery.stacks.get(id(source))
    axes = None if stack is None else reduced_axes(node, len(source.shape))
    if stack is None or not axes:
        return None
    rank, height, width = len(source.shape), *map(int, stack.map.shape[2:])
    if axes == {rank - 2, rank - 1}:
        return _pool(surgery, node, stack)
    if len(axes) != 1 or not min(axes) <= len(stack.branches) or 0 in axes:
        return None
    (axis,) = axes
    indices = stack.indices()
    pieces = [
        surgery.gather(stack, np.take(indices, index, axis - 1), target)
        for index in range(stack.branches[axis - 1])
    ]
    shape = (pieces[0].shape[1], height, width)
    op = _REDUCTIONS[node.op]
    made = reduce(lambda a, b: surgery.new_map(op, [a, b], target, shape), pieces)
    if node.op == "ReduceMean" and len(pieces) > 1:
        share = np.asarray(1 / len(pieces), source.dtype)
        factor = gs.Constant(surgery.module.fresh(f"{target.name}.share"), share)
        made = surgery.new_map("Mul", [made, factor], target, shape)
    kept = [d for index, d in enumerate(stack.branches, 1) if index != axis]
    branches = _dims(target)
    return [Stack(made, tuple(kept) if branches is None else branches[:-2])]


def _pool(surgery: Surgery, node: gs.Node, stack: Stack) -> list[Stack] | None:
    """Replace the node by a global pooling and a Reshape to the node's output shape."""
    ops = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}
    target = node.outputs[0]
    if node.op not in ops or _dims(target) is None:
        return None
    channels = math.prod(stack.branches)
    pooled = surgery.new_map(ops[node.op], [stack.map], target, (channels, 1, 1))
    node.op, node.attrs = "Reshape", {}
    node.inputs = [pooled, surgery.shape_of(target.shape[1:])]
    surgery.changed = True
    return None


def _pick(surgery: Surgery, node: gs.Node) -> list[Stack] | None:
    """Select or reorder branches."""
    source = node.inputs[0]
    stack = surgery.stacks.get(id(source))
    taken = None if stack is None else _picked(node, stack)
    if stack is None or taken is None:
        return None
    return [
        Stack(surgery.gather(stack, channels, target), channels.shape)
        for target, channels in zip(node.outputs, taken, strict=True)
    ]


def _picked(node: gs.Node, stack: Stack) -> list[Indices] | None:
    """Channels of each output, in the shape of its branches; None if unknown."""
    indices, rank = stack.indices(), len(stack.branches)
    if node.op == "Transpose":
        order = [int(axis) for axis in node.attrs.get("perm", ())]
        if len(order) != rank + 3 or order[0] != 0 or order[-2:] != [rank + 1, rank + 2]:
            return None
        return [indices.transpose([axis - 1 for axis in order[1:-2]])]
    if node.op == "Slice":
        axes = slice_axes(node)
        if axes is None or not all(1 <= axis <= rank for axis in axes):
            return None
        return [indices[tuple(axes.get(axis, slice(None)) for axis in range(1, rank + 1))]]
    axis = int(node.attrs.get("axis", 0)) % (rank + 3)
    if not 1 <= axis <= rank:
        return None
    if node.op == "Gather":
        chosen = value_of(node.inputs[1])
        return None if chosen is None else [np.take(indices, chosen, axis - 1)]
    sizes = [(t.shape or (0,) * (axis + 1))[axis] for t in node.outputs]
    if sum(sizes) != stack.branches[axis - 1]:
        return None
    return list(np.split(indices, np.cumsum(sizes)[:-1], axis - 1))


_RULES: Mapping[str, Callable[[Surgery, gs.Node], list[Stack] | None]] = {
    **dict.fromkeys(_RESHAPES, _reshape),
    **dict.fromkeys(_SAME_OF_EACH, _each),
    **dict.fromkeys(_OF_TWO, _of_two),
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(("Gather", "Slice", "Split", "Transpose"), _pick),
    "Concat": _concat,
}
