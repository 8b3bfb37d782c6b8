"""Tensors that depend only on one map, as polynomials in the map, its mean and its variance.

`moments.py` explains their purpose; `moment_rules.py` evaluates nodes on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.polynomials import (
    ONE,
    Polynomial,
    Powers,
    UnknownError,
    V,
    X,
    is_same,
)
from jpegcompile.ir.graph import value_of

SCALED_X: Powers = (1, 0, 0, 1)
SCALED_M: Powers = (0, 1, 0, 1)


@dataclass(frozen=True)
class Value:
    """A tensor that depends only on x.

    Attributes:
        shape: shape without the batch; elements are in the order of x.
        polynomial: the value of the tensor.
    """

    shape: tuple[int, ...]
    polynomial: Polynomial


@dataclass
class MomentTerms:
    """Tensors that depend only on one map x [N, C, H, W], as polynomials.

    Attributes:
        source: x.
        values: known tensors by `id`.
        groups, epsilon: groups of all means and epsilon of all roots; None before the first one.
        others: groups and epsilon of nodes with other parameters; epsilon is None if unknown.
    """

    source: gs.Tensor
    values: dict[int, Value] = field(default_factory=dict)
    groups: int | None = None
    epsilon: float | None = None
    others: set[tuple[int, float | None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start with x itself."""
        shape = tuple(int(d) for d in self.source.shape[1:])
        self.channels, self.size = shape[0], math.prod(shape)
        self.values[id(self.source)] = Value(shape, {X: np.ones(self.channels)})

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

    def value(self, tensor: gs.Tensor) -> Value:
        """Return a known tensor.

        Raises:
            UnknownError: if the tensor is unknown.
        """
        value = self.values.get(id(tensor))
        if value is None:
            raise UnknownError
        return value

    def operands(self, node: gs.Node, shape: tuple[int, ...]) -> list[Polynomial]:
        """Polynomials of all inputs, broadcast to a shape; includes constants."""
        return [self.operand(tensor, shape) for tensor in node.inputs]

    def operand(self, tensor: gs.Tensor, shape: tuple[int, ...]) -> Polynomial:
        """Polynomial of one input, broadcast to a shape.

        Raises:
            UnknownError: if the tensor is unknown, or its elements are in another order.
        """
        constant = value_of(tensor)
        if constant is not None:
            return {ONE: self.by_channel(constant, shape)}
        value = self.value(tensor)
        if not _is_prefix(value.shape, shape):
            raise UnknownError
        return value.polynomial

    def by_channel(self, constant: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Values of a constant for each channel, broadcast to a shape without the batch.

        Raises:
            UnknownError: if the constant varies over images or pixels, or does not broadcast.
        """
        extents = constant.shape[1:] if constant.ndim > len(shape) else constant.shape
        if constant.ndim > len(shape) + 1 or constant.size != math.prod(extents):
            raise UnknownError
        if constant.size == 1:
            return np.full(self.channels, float(constant.reshape(-1)[0]))
        try:
            whole = np.broadcast_to(constant.reshape(extents).astype(np.float64), shape)
        except ValueError as error:
            raise UnknownError from error
        return self.of_elements(whole.reshape(-1))

    def of_elements(self, elements: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert values for groups, channels or pixels to one value for each channel.

        Raises:
            UnknownError: if the values differ between the pixels of a channel.
        """
        count = elements.size
        if self.channels % count == 0:
            return elements.repeat(self.channels // count)
        by_channel = elements.reshape(self.channels, -1) if count % self.channels == 0 else None
        if by_channel is None or not (by_channel == by_channel[:, :1]).all():
            raise UnknownError
        return by_channel[:, 0].copy()

    def mean(self, polynomial: Polynomial, groups: int) -> Polynomial:
        """Mean over groups, by E[x] = m and E[x^2] = v + m^2.

        Raises:
            UnknownError: if coefficients differ within a group, or a power of x exceeds 2.
        """
        self._set_groups(groups)
        terms: dict[Powers, NDArray[np.float64]] = {}
        for (x, m, v, r), coefficient in polynomial.items():
            of_group = coefficient.reshape(groups, -1)
            if x > 2 or not is_same(of_group, of_group[:, :1]):
                raise UnknownError
            for powers in ((0, m + x, v, r), *([(0, m, v + 1, r)] if x == 2 else [])):
                terms[powers] = terms.get(powers, 0) + coefficient
        return terms

    def normalized(self, groups: int, epsilon: float) -> Polynomial:
        """The polynomial (x - m) r."""
        self._set_groups(groups)
        self._set_epsilon(epsilon)
        return {SCALED_X: np.ones(self.channels), SCALED_M: -np.ones(self.channels)}

    def root(self, polynomial: Polynomial, power: int) -> Polynomial:
        """(a v + b)^(-power / 2) = a^(-power / 2) r^power with epsilon = b / a.

        Raises:
            UnknownError: if the polynomial is not a v + b with the same a > 0 and b for all
                channels, or epsilon differs from earlier roots.
        """
        if set(polynomial) != {V, ONE}:
            raise UnknownError
        a, b = polynomial[V], polynomial[ONE]
        if not is_same(a, a[:1]) or not is_same(b, b[:1]) or a[0] <= 0:
            raise UnknownError
        self._set_epsilon(float(b[0] / a[0]))
        return {(0, 0, 0, power): a ** (-0.5 * power)}


def _is_prefix(shape: Sequence[int], whole: Sequence[int]) -> bool:
    """Whether a tensor, broadcast to a larger shape, varies along leading axes only.

    Elements of both are then in the same order: each element repeats for consecutive elements.
    """
    if len(shape) > len(whole):
        return False
    aligned = [*([1] * (len(whole) - len(shape))), *shape]
    if any(d not in (1, w) for d, w in zip(aligned, whole, strict=True)):
        return False
    varies = [d > 1 for d, w in zip(aligned, whole, strict=True) if w > 1]
    return varies == sorted(varies, reverse=True)
