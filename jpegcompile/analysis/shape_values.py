"""Evaluate tensors that contain shapes, as far as they follow from known shapes.

Exporters write "flatten all axes except the batch" as Shape, Gather, Unsqueeze, Concat and Reshape,
and the size of an upsampling as a product of such values. A few operators suffice to evaluate these
chains, also with a symbolic batch: multiplying by 1 and adding 0 keep a symbol.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx import helper

from jpegcompile.ir.graph import Dim, input_at, value_of

Values = list[Dim]
# Integers, symbols, and numbers in the floating-point precision of the graph.
Entries = list[Any]

# Values of evaluated tensors by `id`; None for tensors that cannot be evaluated.
Known = dict[int, Entries | None]
# No shape has more entries. The limit also stops lists that grow by repeated Concat.
_MOST_ENTRIES = 256
# Range of int64; runtimes overflow beyond it.
_LEAST, _MOST = -(2**63), 2**63 - 1


def shape_values(tensor: gs.Tensor) -> Values | None:
    """Entries of a 0-D or 1-D integer tensor; strings are symbols. None if unknown."""
    values = number_values(tensor)
    if values is None or not all(isinstance(v, int | str) for v in values):
        return None
    return values


def number_values(tensor: gs.Tensor) -> Entries | None:
    """Entries of a 0-D or 1-D tensor of integers or floating-point numbers; None if unknown.

    Each upstream tensor is evaluated once, operands first.
    """
    known: Known = {}
    waiting = [tensor]
    while waiting:
        newest = waiting[-1]
        operands = [t for t in _operands(newest) if id(t) not in known]
        if operands and id(newest) not in known:
            # Mark the tensor, so that a cycle does not loop forever.
            known[id(newest)] = None
            waiting += operands
        else:
            known[id(newest)] = _evaluated(newest, known)
            waiting.pop()
    return known[id(tensor)]


def _operands(tensor: gs.Tensor) -> list[gs.Tensor]:
    """Tensors that must be evaluated before a tensor."""
    if not tensor.inputs or isinstance(tensor, gs.Constant):
        return []
    node = tensor.inputs[0]
    if node.op == "Shape" or node.op not in _EVALUATORS:
        return []
    return [operand for operand in node.inputs if operand.name]


def _evaluated(tensor: gs.Tensor, known: Known) -> Entries | None:
    """Evaluate a tensor whose operands are evaluated."""
    constant = value_of(tensor)
    if constant is not None:
        if constant.ndim > 1 or constant.dtype.kind not in "iuf" or constant.size > _MOST_ENTRIES:
            return None
        is_float = constant.dtype.kind == "f"
        return [v if is_float else int(v) for v in constant.reshape(-1)]
    if not tensor.inputs:
        return None
    node = tensor.inputs[0]
    evaluate = _EVALUATORS.get(node.op)
    values = evaluate(node, known) if evaluate else None
    return None if values is None or len(values) > _MOST_ENTRIES else values


def _integers(tensor: gs.Tensor, known: Known) -> Values | None:
    values = known[id(tensor)]
    return values if values is not None and all(isinstance(v, int | str) for v in values) else None


def _shape(node: gs.Node, known: Known) -> Entries | None:
    shape = node.inputs[0].shape
    if shape is None or any(isinstance(d, str) and not d for d in shape):
        return None
    start, end = node.attrs.get("start", 0), node.attrs.get("end", len(shape))
    return list(shape)[start:end]


def _pass_on(node: gs.Node, known: Known) -> Entries | None:
    return known[id(node.inputs[0])]


def _reshape(node: gs.Node, known: Known) -> Entries | None:
    """Reshape to a vector or a scalar, which have the same entries."""
    target = value_of(node.inputs[1])
    return None if target is None or target.size > 1 else _pass_on(node, known)


def _cast(node: gs.Node, known: Known) -> Entries | None:
    values = _pass_on(node, known)
    target = helper.tensor_dtype_to_np_dtype(int(node.attrs["to"]))
    if values is None or target.kind not in "iuf":
        return None
    convert: Callable[[Any], Any] = target.type if target.kind == "f" else int
    if not all(isinstance(v, str) or math.isfinite(v) for v in values):
        return None
    return [v if isinstance(v, str) else convert(v) for v in values]


def _gather(node: gs.Node, known: Known) -> Entries | None:
    values, indices = _pass_on(node, known), _integers(node.inputs[1], known)
    if values is None or indices is None or node.attrs.get("axis", 0) != 0:
        return None
    if not all(isinstance(i, int) and -len(values) <= i < len(values) for i in indices):
        return None
    return [values[i] for i in indices if isinstance(i, int)]


def _concat(node: gs.Node, known: Known) -> Entries | None:
    parts = [known[id(tensor)] for tensor in node.inputs]
    if any(part is None for part in parts):
        return None
    return [value for part in parts if part is not None for value in part]


def _slice(node: gs.Node, known: Known) -> Entries | None:
    values = _pass_on(node, known)
    if values is None:
        return None
    if "starts" in node.attrs:
        return values[node.attrs["starts"][0] : node.attrs["ends"][0]]
    bounds = []
    for index, default in ((1, 0), (2, len(values)), (4, 1)):
        operand = input_at(node, index)
        entry = [default] if operand is None else _integers(operand, known)
        if entry is None or len(entry) != 1 or not isinstance(entry[0], int):
            return None
        bounds.append(entry[0])
    return values[bounds[0] : bounds[1] : bounds[2]]


def _arithmetic(node: gs.Node, known: Known) -> Entries | None:
    left, right = (known[id(tensor)] for tensor in node.inputs[:2])
    if not left or not right:
        return None
    count = max(len(left), len(right))
    if {len(left), len(right)} - {1, count}:
        return None
    pairs = zip(left * (count // len(left)), right * (count // len(right)), strict=True)
    results = [_combine(node.op, a, b) for a, b in pairs]
    return None if any(r is None for r in results) else results


def _combine(op: str, a: Any, b: Any) -> Any:
    """One entry of a sum, difference, product or quotient; None if unknown."""
    neutral = 0 if op in ("Add", "Sub") else 1
    if isinstance(a, str) or isinstance(b, str):
        if not isinstance(b, str) and b == neutral:
            return a
        return b if op in ("Add", "Mul") and not isinstance(a, str) and a == neutral else None
    result = _quotient(a, b) if op == "Div" else {"Add": a + b, "Sub": a - b, "Mul": a * b}[op]
    return None if isinstance(result, int) and not _LEAST <= result <= _MOST else result


def _quotient(a: Any, b: Any) -> Any:
    """Divide; integers round towards zero (ONNX, Div)."""
    if b == 0:
        return None
    if not isinstance(a, int):
        return a / b
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _rounding(function: Callable[[Any], Any]) -> Callable[[gs.Node, Known], Entries | None]:
    def evaluate(node: gs.Node, known: Known) -> Entries | None:
        values = _pass_on(node, known)
        return values and [v if isinstance(v, str) else function(v) for v in values]

    return evaluate


_EVALUATORS: dict[str, Callable[[gs.Node, Known], Entries | None]] = {
    "Shape": _shape,
    "Identity": _pass_on,
    "Cast": _cast,
    "Unsqueeze": _pass_on,
    "Squeeze": _pass_on,
    "Reshape": _reshape,
    "Gather": _gather,
    "Concat": _concat,
    "Slice": _slice,
    "Add": _arithmetic,
    "Sub": _arithmetic,
    "Mul": _arithmetic,
    "Div": _arithmetic,
    "Floor": _rounding(np.floor),
    "Ceil": _rounding(np.ceil),
}


def reshape_target(node: gs.Node) -> Values | None:
    """Output shape of a Reshape; None if its input shape or its target is unknown."""
    source = node.inputs[0].shape
    target = shape_values(node.inputs[1])
    if source is None or target is None:
        return None
    result: Values = [
        source[i] if d == 0 and not node.attrs.get("allowzero") and i < len(source) else d
        for i, d in enumerate(target)
    ]
    if result.count(-1) > 1:
        return None
    rest_in = [d for d in source if isinstance(d, int)]
    rest_out = [d for d in result if isinstance(d, int) and d != -1]
    symbols_in = [d for d in source if isinstance(d, str)]
    symbols_out = [d for d in result if isinstance(d, str)]
    if -1 not in result:
        return result
    known = int(np.prod(rest_out, dtype=np.int64))
    total = int(np.prod(rest_in, dtype=np.int64))
    if symbols_in == symbols_out and known and total % known == 0:
        missing: Dim = total // known
    elif len(symbols_in) == 1 and not symbols_out and total == known:
        missing = symbols_in[0]
    else:
        return None
    return [missing if d == -1 else d for d in result]
