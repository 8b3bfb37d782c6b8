"""Arithmetic on the mean and the variance of a map, followed through a graph as polynomials.

Exporters spell a group or instance normalisation in many ways: by one operator between reshapes, by
ReduceMean, Sub, Mul and Sqrt, as x * factor + offset, with the variance as E[x^2] - E[x]^2, and so
on. All of them compute

    y = scale * (x - m) * r + shift,    r = (v + epsilon)^(-1/2)

where m and v are the mean and the variance of groups of channels. So every tensor that depends on
one map x alone is written as a polynomial in x, m, v and r with a number for each channel as
coefficients; what has the form above *is* a normalisation, however it is spelled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.axes import reduced_axes
from jpegcompile.analysis.polynomials import (
    ONE,
    Polynomial,
    Powers,
    UnknownError,
    V,
    X,
    inverse,
    is_same,
    product,
    rounded,
    scaled,
    total_of,
)
from jpegcompile.ir.graph import input_at, is_float, static_dims, value_of

_SCALED_X: Powers = (1, 0, 0, 1)
_SCALED_M: Powers = (0, 1, 0, 1)
_NORMALIZATIONS = ("GroupNormalization", "InstanceNormalization", "LayerNormalization")
_RESHAPES = frozenset(("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"))


@dataclass(frozen=True)
class Normalization:
    """y = scale * (x - mean) / sqrt(variance + epsilon) + shift.

    Attributes:
        groups: of channels that have a mean and a variance in common.
        epsilon: positive.
        scale, shift: [channels].
    """

    groups: int
    epsilon: float
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


@dataclass(frozen=True)
class _Value:
    """A tensor that depends on x alone; its elements without the batch are in the order of x."""

    shape: tuple[int, ...]
    polynomial: Polynomial


@dataclass
class Moments:
    """Tensors that depend on one map x [N, C, H, W] alone, as polynomials.

    Attributes:
        source: x.
        values: what is known of tensors, by `id`.
        groups, epsilon: of all means and roots among them; None before there is one.
        others: groups and epsilon of nodes that differ in them; epsilon is None where unknown.
    """

    source: gs.Tensor
    values: dict[int, _Value] = field(default_factory=dict)
    groups: int | None = None
    epsilon: float | None = None
    others: set[tuple[int, float | None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin with x itself."""
        shape = tuple(int(d) for d in self.source.shape[1:])
        self.channels, self.size = shape[0], math.prod(shape)
        self.values[id(self.source)] = _Value(shape, {X: np.ones(self.channels)})

    def follow(self, node: gs.Node) -> bool:
        """Compute the polynomial of a node's output; returns whether there is one."""
        evaluate = _EVALUATORS.get(node.op)
        target = node.outputs[0] if node.outputs else None
        if evaluate is None or target is None or node.domain not in (None, "", "ai.onnx"):
            return False
        if any(t.name and t.outputs for t in node.outputs[1:]):
            return False
        shape = static_dims((target.shape or ())[1:]) if len(target.shape or ()) > 1 else None
        if shape is None or target.shape[0] != self.source.shape[0] or not is_float(target):
            return False
        before = self.groups, self.epsilon
        try:
            self.values[id(target)] = _Value(shape, rounded(evaluate(self, node, shape)))
        except UnknownError:
            self.groups, self.epsilon = before
            return False
        return True

    def normalization(self, tensor: gs.Tensor) -> Normalization | None:
        """What a tensor of the shape and type of x is, if that is a normalisation of x."""
        value = self.values.get(id(tensor))
        if value is None or tuple(tensor.shape) != tuple(self.source.shape):
            return None
        if tensor.dtype != self.source.dtype or self.groups is None or self.epsilon is None:
            return None
        terms = value.polynomial
        if _SCALED_X not in terms or not set(terms) <= {_SCALED_X, _SCALED_M, ONE}:
            return None
        zeros = np.zeros(self.channels)
        scale, mean = terms[_SCALED_X], terms.get(_SCALED_M, zeros)
        if not is_same(scale, -mean):
            return None
        return Normalization(self.groups, self.epsilon, scale, terms.get(ONE, zeros))

    def _set_groups(self, groups: int) -> None:
        if self.channels % groups:
            raise UnknownError
        if self.groups not in (None, groups):
            self.others.add((groups, None))
            raise UnknownError
        self.groups = groups

    def _set_epsilon(self, epsilon: float) -> None:
        if epsilon <= 0 or self.groups is None:
            raise UnknownError
        if self.epsilon is not None and not is_same(self.epsilon, epsilon):
            self.others.add((self.groups, epsilon))
            raise UnknownError
        self.epsilon = self.epsilon or epsilon

    def _value(self, tensor: gs.Tensor) -> _Value:
        value = self.values.get(id(tensor))
        if value is None:
            raise UnknownError
        return value

    def _operands(self, node: gs.Node, shape: tuple[int, ...]) -> list[Polynomial]:
        """Polynomials of all inputs, which are broadcast to a shape; constants among them."""
        return [self._operand(tensor, shape) for tensor in node.inputs]

    def _operand(self, tensor: gs.Tensor, shape: tuple[int, ...]) -> Polynomial:
        constant = value_of(tensor)
        if constant is not None:
            return {ONE: self._by_channel(constant, shape)}
        value = self._value(tensor)
        if not _is_prefix(value.shape, shape):
            raise UnknownError
        return value.polynomial

    def _by_channel(self, constant: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """A constant that is broadcast to a shape without the batch, as a number a channel."""
        extents = constant.shape[1:] if constant.ndim > len(shape) else constant.shape
        if constant.ndim > len(shape) + 1 or constant.size != math.prod(extents):
            raise UnknownError
        if constant.size == 1:
            return np.full(self.channels, float(constant.reshape(-1)[0]))
        try:
            whole = np.broadcast_to(constant.reshape(extents).astype(np.float64), shape)
        except ValueError as error:
            raise UnknownError from error
        return self._of_elements(whole.reshape(-1))

    def _of_elements(self, elements: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers in the order of channels, or of groups of them, or of pixels: [channels]."""
        count = elements.size
        if self.channels % count == 0:
            return elements.repeat(self.channels // count)
        by_channel = elements.reshape(self.channels, -1) if count % self.channels == 0 else None
        if by_channel is None or not (by_channel == by_channel[:, :1]).all():
            raise UnknownError
        return by_channel[:, 0].copy()

    def _mean(self, polynomial: Polynomial, groups: int) -> Polynomial:
        """E[x] = m and E[x^2] = v + m^2 within a group, in which coefficients are the same."""
        self._set_groups(groups)
        terms: dict[Powers, NDArray[np.float64]] = {}
        for (x, m, v, r), coefficient in polynomial.items():
            of_group = coefficient.reshape(groups, -1)
            if x > 2 or not is_same(of_group, of_group[:, :1]):
                raise UnknownError
            for powers in ((0, m + x, v, r), *([(0, m, v + 1, r)] if x == 2 else [])):
                terms[powers] = terms.get(powers, 0) + coefficient
        return terms

    def _normalized(self, groups: int, epsilon: float) -> Polynomial:
        self._set_groups(groups)
        self._set_epsilon(epsilon)
        return {_SCALED_X: np.ones(self.channels), _SCALED_M: -np.ones(self.channels)}

    def _root(self, polynomial: Polynomial, power: int) -> Polynomial:
        """(a v + b)^(-power / 2), which is a^(-power / 2) r^power with epsilon = b / a."""
        if set(polynomial) != {V, ONE}:
            raise UnknownError
        a, b = polynomial[V], polynomial[ONE]
        if not is_same(a, a[:1]) or not is_same(b, b[:1]) or a[0] <= 0:
            raise UnknownError
        self._set_epsilon(float(b[0] / a[0]))
        return {(0, 0, 0, power): a ** (-0.5 * power)}


def _is_prefix(shape: Sequence[int], whole: Sequence[int]) -> bool:
    """Whether what has a shape, broadcast to another, varies along the first of its axes alone.

    Then elements of both stand in the same order, as many of the larger for one of the smaller.
    """
    if len(shape) > len(whole):
        return False
    aligned = [*([1] * (len(whole) - len(shape))), *shape]
    if any(d not in (1, w) for d, w in zip(aligned, whole, strict=True)):
        return False
    varies = [d > 1 for d, w in zip(aligned, whole, strict=True) if w > 1]
    return varies == sorted(varies, reverse=True)


def _evaluate_sum(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return total_of(moments._operands(node, shape))


def _evaluate_difference(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    first, second = moments._operands(node, shape)
    return total_of([first, scaled(second, -1.0)])


def _evaluate_product(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return product(*moments._operands(node, shape))


def _evaluate_quotient(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    first, second = moments._operands(node, shape)
    return product(first, inverse(second))


def _evaluate_negative(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return scaled(moments._operand(node.inputs[0], shape), -1.0)


def _evaluate_reshape(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    value = moments._value(node.inputs[0])
    if math.prod(value.shape) != math.prod(shape):
        raise UnknownError
    return value.polynomial


def _evaluate_mean(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    del shape
    value = moments._value(node.inputs[0])
    if math.prod(value.shape) != moments.size:
        raise UnknownError
    axes = reduced_axes(node, len(value.shape) + 1)
    if axes is None or 0 in axes:
        raise UnknownError
    kept = [d for axis, d in enumerate(value.shape, 1) if axis not in axes and d > 1]
    reduced = [axis in axes for axis, d in enumerate(value.shape, 1) if d > 1]
    if reduced != sorted(reduced):
        raise UnknownError
    groups = math.prod(kept)
    mean = moments._mean(value.polynomial, groups)
    return scaled(mean, moments.size / groups) if node.op == "ReduceSum" else mean


def _evaluate_root(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return moments._root(moments._operand(node.inputs[0], shape), -1)


def _evaluate_reciprocal(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    return inverse(moments._operand(node.inputs[0], shape))


def _evaluate_power(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    exponent = value_of(node.inputs[1])
    if exponent is None or exponent.size != 1:
        raise UnknownError
    base = moments._operand(node.inputs[0], shape)
    power = float(exponent.reshape(()))
    if power == 2:
        return product(base, base)
    if power == -1:
        return inverse(base)
    if power not in (0.5, -0.5):
        raise UnknownError
    return moments._root(base, int(-2 * power))


def _evaluate_positive_part(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    """Of a variance, which is not negative."""
    known = [t for t in node.inputs if t.name and value_of(t) is None]
    bounds = [bound for bound in map(value_of, node.inputs) if bound is not None]
    low = [node.attrs["min"]] if "min" in node.attrs else [float(b.max()) for b in bounds if b.size]
    is_bounded = "max" in node.attrs or len(node.inputs) > 2
    if len(known) != 1 or is_bounded or any(bound != 0 for bound in low):
        raise UnknownError
    value = moments._operand(known[0], shape)
    if set(value) != {V} or (value[V] < 0).any():
        raise UnknownError
    return value


def _evaluate_normalization(moments: Moments, node: gs.Node, shape: tuple[int, ...]) -> Polynomial:
    source = moments._value(node.inputs[0])
    if set(source.polynomial) != {X} or not (source.polynomial[X] == 1).all():
        raise UnknownError
    if node.op == "LayerNormalization":
        axis = int(node.attrs.get("axis", -1)) % (len(shape) + 1)
        if axis == 0:
            raise UnknownError
        groups = math.prod(shape[: axis - 1])
    else:
        groups = int(node.attrs["num_groups"]) if "num_groups" in node.attrs else shape[0]
    result = moments._normalized(groups, float(node.attrs.get("epsilon", 1e-5)))
    for tensor, combine in ((input_at(node, 1), product), (input_at(node, 2), _added)):
        if tensor is None:
            continue
        values = value_of(tensor)
        if values is None:
            raise UnknownError
        if node.op == "LayerNormalization":
            numbers = moments._by_channel(values, shape)
        else:
            numbers = moments._of_elements(values.astype(np.float64).reshape(-1))
        result = combine(result, {ONE: numbers})
    return result


def _added(a: Polynomial, b: Polynomial) -> Polynomial:
    return total_of([a, b])


_Evaluator = Callable[[Moments, gs.Node, tuple[int, ...]], Polynomial]
_EVALUATORS: Mapping[str, _Evaluator] = {
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
# What may be the first node behind the source.
FIRST = frozenset(
    (*_NORMALIZATIONS, "Flatten", "GlobalAveragePool", "ReduceMean", "ReduceSum", "Reshape", "Cast")
)
