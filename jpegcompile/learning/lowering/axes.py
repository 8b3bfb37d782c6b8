"""Operators that act on the dimensions before the last two, and so commute with the block DCT."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from jpegcompile.learning.lowering.calls import Call
from jpegcompile.learning.lowering.shapes import Described, block_of_node, described

# The result has the elements in the same order, so planes stay whole if they keep their size.
_SHAPES = frozenset(
    ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "expand_as")
)
_COPIES = frozenset(
    ("contiguous", "clone", "detach", "to", "float", "double", "half", "bfloat16", "type_as")
)
# These have an argument `dim`, whose default is 0.
_ALONG = frozenset(
    ("cat", "chunk", "split", "tensor_split", "unbind", "narrow", "index_select", "stack", "select")
)
_REDUCTIONS = frozenset(("sum", "mean"))
_ORDERS = frozenset(("flip", "roll"))
KINDS = (
    _SHAPES
    | _COPIES
    | _ALONG
    | _REDUCTIONS
    | _ORDERS
    | {"getitem", "pad", "permute", "transpose", "channel_shuffle"}
)
_ARITHMETIC: frozenset[Any] = frozenset(
    (
        *(operator.add, operator.sub, operator.mul, operator.truediv),
        *(torch.add, torch.sub, torch.mul, torch.div),
        *("add", "sub", "mul", "div"),
    )
)


def is_arithmetic(target: Any) -> bool:
    """Whether the target of a node is a sum, difference, product or quotient of two operands."""
    return target in _ARITHMETIC


def keeps_planes(node: fx.Node, call: Call) -> bool:
    """Whether a node of a kind in `KINDS` leaves each plane [H, W] of its maps as it is."""
    if block_of_node(node) == 1 or _planes(node) != _planes(node.all_input_nodes[0]):
        return False
    kind = call.kind
    if kind in _ALONG:
        return _is_leading(call.arguments.get("dim", 0), node, call)
    if kind in _REDUCTIONS | _ORDERS:
        return _is_leading(call.arguments.get("dim"), node, call)
    if kind == "permute":
        rank, dims = _rank(node), _dims(call)
        return [d % rank for d in dims[-2:]] == [rank - 2, rank - 1]
    if kind == "transpose":
        return _is_leading([call.arguments["dim0"], call.arguments["dim1"]], node, call)
    if kind == "getitem":
        return _keeps_planes_by_index(call)
    if kind == "pad":
        return _pads_leading(call)
    return True


def _planes(node: fx.Node) -> tuple[int, ...]:
    value = described(node)
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return value.shape[-2:] if isinstance(value, Described) else ()


def _rank(node: Any) -> int:
    """Return the number of dimensions of a tensor, or of the first one of a tuple."""
    value = described(node)
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return len(value.shape) if isinstance(value, Described) else 0


def _dims(call: Call) -> list[int]:
    dims = call.arguments["dim"]
    return list(dims) if isinstance(dims, list | tuple) else [dims]


def _is_leading(dims: Any, node: fx.Node, call: Call) -> bool:
    """Whether dimensions are literals, and not those of planes."""
    dims = dims if isinstance(dims, list | tuple) else [dims]
    rank = _rank(node) if call.kind == "stack" else _rank(node.all_input_nodes[0])
    return all(isinstance(d, int) and d % rank < rank - 2 for d in dims)


def _keeps_planes_by_index(call: Call) -> bool:
    x, index = call.arguments["x"], call.arguments["index"]
    if not isinstance(described(x), Described):
        return True
    index = index if isinstance(index, tuple) else (index,)
    if any(i is None for i in index):
        return False
    if Ellipsis in index:
        at, rank = index.index(Ellipsis), _rank(x)
        index = (*index[:at], *[slice(None)] * (rank - len(index) + 1), *index[at + 1 :])
    return all(i == slice(None) for i in index[_rank(x) - 2 :])


def _pads_leading(call: Call) -> bool:
    pad, value = call.arguments["pad"], call.arguments.get("value")
    is_zero = call.arguments.get("mode", "constant") == "constant" and value in (None, 0)
    return is_zero and all(size == 0 for size in pad[:4])
