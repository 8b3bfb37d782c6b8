"""Tensors that are maps in another shape, and the axes of the map that each dimension contains.

Exporters flatten height and width before pooling, as in x.flatten(2).mean(2), possibly with a
transpose or an unsqueeze between the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import axes_of
from jpegcompile.ir.graph import Dim, is_float

# Longest chain of shape operators that is followed; also bounds the recursion.
_DEPTH = 8
Axes = tuple[int, ...]


@dataclass(frozen=True)
class View:
    """A tensor as a map [N, C, H, W] in another shape.

    Attributes:
        source: the map, of rank 4.
        axes: for each dimension of the tensor, the axes of the map that it contains, in order.
    """

    source: gs.Tensor
    axes: tuple[Axes, ...]


def views_of(tensor: gs.Tensor, depth: int = _DEPTH) -> Iterator[View]:
    """Yield every map that a tensor is a view of, the most upstream one first."""
    if tensor.inputs and depth and tensor.shape is not None:
        node = tensor.inputs[0]
        turn = _TURNS.get(node.op)
        if turn is not None and node.inputs[0].shape is not None:
            groups = turn(node, tensor)
            if groups is not None:
                for view in views_of(node.inputs[0], depth - 1):
                    axes = tuple(tuple(a for i in g for a in view.axes[i]) for g in groups)
                    yield View(view.source, axes)
    if tensor.shape is not None and len(tensor.shape) == 4 and is_float(tensor):
        yield View(tensor, ((0,), (1,), (2,), (3,)))


def _transpose(node: gs.Node, _: gs.Tensor) -> list[Axes] | None:
    return [(int(axis),) for axis in node.attrs.get("perm", ())] or None


def _reshape(node: gs.Node, target: gs.Tensor) -> list[Axes] | None:
    """Input dimensions that each output dimension contains; None if one is split."""
    source, wanted = list(node.inputs[0].shape), list(target.shape)
    if not source or not wanted or source[0] != wanted[0]:
        return None
    groups: list[Axes] = [(0,)]
    taken = 1
    for size in wanted[1:]:
        count = _count_of(source[taken:], size)
        if count is None:
            return None
        groups.append(tuple(range(taken, taken + count)))
        taken += count
    return groups if all(size == 1 for size in source[taken:]) else None


def _count_of(sizes: Sequence[Dim], wanted: Dim) -> int | None:
    """Number of leading sizes whose product is `wanted`; None if there is no such number."""
    if not isinstance(wanted, int):
        return None
    if wanted == 1:
        return 1 if sizes and sizes[0] == 1 else 0
    product, count = 1, 0
    for size in sizes:
        if product == wanted:
            break
        if not isinstance(size, int):
            return None
        product, count = product * size, count + 1
    return count if product == wanted else None


def _unsqueeze(node: gs.Node, target: gs.Tensor) -> list[Axes] | None:
    added = axes_of(node, len(target.shape))
    if added is None:
        return None
    kept = iter(range(len(node.inputs[0].shape)))
    return [() if axis in added else (next(kept),) for axis in range(len(target.shape))]


def _squeeze(node: gs.Node, _: gs.Tensor) -> list[Axes] | None:
    rank = len(node.inputs[0].shape)
    removed = axes_of(node, rank)
    if removed is None:
        return None
    return [(axis,) for axis in range(rank) if axis not in removed]


_TURNS = {
    "Flatten": _reshape,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
