"""Evaluators, one for each operator, that compute polynomials in the mean and variance of a map.

An evaluator accepts the known terms, the node and the node's output shape without the batch. It
raises `UnknownError` if the output is not a polynomial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import reduced_axes
from jpegcompile.analysis.moment_terms import MomentTerms
from jpegcompile.analysis.polynomials import (
    ONE,
    Polynomial,
    UnknownError,
    V,
    X,
    inverse,
    product,
    scaled,
    total_of,
)
from jpegcompile.ir.graph import input_at, value_of

_NORMALIZATIONS = ("GroupNormalization", "InstanceNormalization", "LayerNormalization")
_RESHAPES = frozenset(("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"))


def _evaluate_sum(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return total_of(terms.operands(node, shape))


def _evaluate_difference(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    first, second = terms.operands(node, shape)
    return total_of([first, scaled(second, -1.0)])


def _evaluate_product(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return product(*terms.operands(node, shape))


def _evaluate_quotient(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    first, second = terms.operands(node, shape)
    return product(first, inverse(second))


def _evaluate_negative(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return scaled(terms.operand(node.inputs[0], shape), -1.0)


def _evaluate_reshape(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    value = terms.value(node.inputs[0])
    if math.prod(value.shape) != math.prod(shape):
        raise UnknownError
    return value.polynomial


def _evaluate_mean(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    del shape
    value = terms.value(node.inputs[0])
    if math.prod(value.shape) != terms.size:
        raise UnknownError
    axes = reduced_axes(node, len(value.shape) + 1)
    if axes is None or 0 in axes:
        raise UnknownError
    kept = [d for axis, d in enumerate(value.shape, 1) if axis not in axes and d > 1]
    reduced = [axis in axes for axis, d in enumerate(value.shape, 1) if d > 1]
    if reduced != sorted(reduced):
        raise UnknownError
    groups = math.prod(kept)
    mean = terms.mean(value.polynomial, groups)
    return scaled(mean, terms.size / groups) if node.op == "ReduceSum" else mean


def _evaluate_root(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return terms.root(terms.operand(node.inputs[0], shape), -1)


def _evaluate_reciprocal(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return inverse(terms.operand(node.inputs[0], shape))


def _evaluate_power(terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    exponent = value_of(node.inputs[1])
    if exponent is None or exponent.size != 1:
        raise UnknownError
    base = terms.operand(node.inputs[0], shape)
    power = float(exponent.reshape(()))
    if power == 2:
        return product(base, base)
    if power == -1:
        return inverse(base)
    if power not in (0.5, -0.5):
        raise UnknownError
    return terms.root(base, int(-2 * power))


def _evaluate_positive_part(
    terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]
) -> Polynomial:
    """Return a variance unchanged, since it is not negative."""
    known = [t for t in node.inputs if t.name and value_of(t) is None]
    bounds = [bound for bound in map(value_of, node.inputs) if bound is not None]
    low = [node.attrs["min"]] if "min" in node.attrs else [float(b.max()) for b in bounds if b.size]
    is_bounded = "max" in node.attrs or len(node.inputs) > 2
    if len(known) != 1 or is_bounded or any(bound != 0 for bound in low):
        raise UnknownError
    value = terms.operand(known[0], shape)
    if set(value) != {V} or (value[V] < 0).any():
        raise UnknownError
    return value


def _evaluate_normalization(
    terms: MomentTerms, node: gs.Node, shape: tuple[int, ...]
) -> Polynomial:
    source = terms.value(node.inputs[0])
    if set(source.polynomial) != {X} or not (source.polynomial[X] == 1).all():
        raise UnknownError
    if node.op == "LayerNormalization":
        axis = int(node.attrs.get("axis", -1)) % (len(shape) + 1)
        if axis == 0:
            raise UnknownError
        groups = math.prod(shape[: axis - 1])
    else:
        groups = int(node.attrs["num_groups"]) if "num_groups" in node.attrs else shape[0]
    result = terms.normalized(groups, float(node.attrs.get("epsilon", 1e-5)))
    for tensor, combine in ((input_at(node, 1), product), (input_at(node, 2), _added)):
        if tensor is None:
            continue
        values = value_of(tensor)
        if values is None:
            raise UnknownError
        if node.op == "LayerNormalization":
            numbers = terms.by_channel(values, shape)
        else:
            numbers = terms.of_elements(values.astype(np.float64).reshape(-1))
        result = combine(result, {ONE: numbers})
    return result


def _added(a: Polynomial, b: Polynomial) -> Polynomial:
    return total_of([a, b])


Evaluator = Callable[[MomentTerms, gs.Node, tuple[int, ...]], Polynomial]
EVALUATORS: Mapping[str, Evaluator] = {
    **dict.fromkeys(_RESHAPES, _evaluate_reshape),
    **dict.fromkeys(_NORMALIZATIONS, _evaluate_normalization),
    **dict.fromkeys(("GlobalAveragePool", "ReduceMean", "ReduceSum"), _evaluate_mean),
    **dict.fromkeys(("Clip", "Max", "Relu"), _evaluate_positive_part),
    "Add": _evaluate_sum,
    "Sum": _evaluate_sum,
    "Sub": _evaluate_difference,
    "Mul": _evaluate_product,
    "Div": _evaluate_quotient,
    "Neg": _evaluate_negative,
    "Pow": _evaluate_power,
    "Reciprocal": _evaluate_reciprocal,
    "Sqrt": _evaluate_root,
}
# Operators that may read the source map first.
FIRST = frozenset(
    (*_NORMALIZATIONS, "Flatten", "GlobalAveragePool", "ReduceMean", "ReduceSum", "Reshape", "Cast")
)
