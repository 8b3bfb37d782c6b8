"""The values of tensors that hold shapes, as far as they follow from shapes that are known.

Exporters spell "flatten all but the batch" as Shape -> Gather -> Unsqueeze -> Concat -> Reshape.
Evaluating such chains with a symbolic batch needs only a handful of operators.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.skeleton import Dim

Values = list[Dim]

# A chain longer than this is no head of a classifier; it also bounds the recursion.
_DEPTH = 32


def shape_values(tensor: gs.Tensor, depth: int = _DEPTH) -> Values | None:
    """Entries of a 0-D or 1-D integer tensor; strings are symbolic. None if not known."""
    constant = value_of(tensor)
    if constant is not None:
        if constant.ndim > 1 or not np.issubdtype(constant.dtype, np.integer):
            return None
        return [int(v) for v in constant.reshape(-1)]
    if not tensor.inputs or depth == 0:
        return None
    node = tensor.inputs[0]
    evaluate = _EVALUATORS.get(node.op)
    return evaluate(node, depth - 1) if evaluate else None


def _shape(node: gs.Node, depth: int) -> Values | None:
    shape = node.inputs[0].shape
    if shape is None or any(isinstance(d, str) and not d for d in shape):
        return None
    start, end = node.attrs.get("start", 0), node.attrs.get("end", len(shape))
    return list(shape)[start:end]


def _pass_on(node: gs.Node, depth: int) -> Values | None:
    return shape_values(node.inputs[0], depth)


def _gather(node: gs.Node, depth: int) -> Values | None:
    values = shape_values(node.inputs[0], depth)
    indices = shape_values(node.inputs[1], depth)
    if values is None or indices is None or node.attrs.get("axis", 0) != 0:
        return None
    if not all(isinstance(i, int) and -len(values) <= i < len(values) for i in indices):
        return None
    return [values[i] for i in indices if isinstance(i, int)]


def _concat(node: gs.Node, depth: int) -> Values | None:
    parts = [shape_values(tensor, depth) for tensor in node.inputs]
    if any(part is None for part in parts):
        return None
    return [value for part in parts if part is not None for value in part]


def _slice(node: gs.Node, depth: int) -> Values | None:
    values = shape_values(node.inputs[0], depth)
    if values is None:
        return None
    if "starts" in node.attrs:
        return values[node.attrs["starts"][0] : node.attrs["ends"][0]]
    bounds = []
    for index, default in ((1, 0), (2, len(values)), (4, 1)):
        operand = input_at(node, index)
        entry = [default] if operand is None else shape_values(operand, depth)
        if entry is None or len(entry) != 1 or not isinstance(entry[0], int):
            return None
        bounds.append(entry[0])
    return values[bounds[0] : bounds[1] : bounds[2]]


_EVALUATORS: dict[str, Callable[[gs.Node, int], Values | None]] = {
    "Shape": _shape,
    "Identity": _pass_on,
    "Cast": _pass_on,
    "Unsqueeze": _pass_on,
    "Squeeze": _pass_on,
    "Gather": _gather,
    "Concat": _concat,
    "Slice": _slice,
}


def reshape_target(node: gs.Node) -> Values | None:
    """Output shape of a Reshape whose input shape is known, batch symbolic or not; else None."""
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
