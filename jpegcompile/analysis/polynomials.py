"""Polynomials in a map x, its mean m, its variance v and r = (v + epsilon)^(-1/2).

Their coefficients have a number for each channel. They are sums and products of what graphs give in
float32, so numbers are the same where they differ by no more than its rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Exponents of x, m, v and r.
Powers = tuple[int, int, int, int]
# Coefficients [channels] by powers.
Polynomial = Mapping[Powers, NDArray[np.float64]]

ONE: Powers = (0, 0, 0, 0)
X: Powers = (1, 0, 0, 0)
M: Powers = (0, 1, 0, 0)
V: Powers = (0, 0, 1, 0)
# Numbers that a graph gives in float32, computed with in float64.
_SAME = 1e-6


class UnknownError(Exception):
    """A node is no part of a normalisation."""


def rounded(polynomial: Polynomial) -> Polynomial:
    """A polynomial without terms that cancelled."""
    return {
        powers: values
        for powers, values in polynomial.items()
        if powers == ONE or not is_same(values, 0.0)
    }


def is_same(a: Any, b: Any) -> bool:
    """Whether numbers agree, or arrays in all elements, to the rounding of float32."""
    return bool(np.allclose(a, b, rtol=_SAME, atol=1e-12))


def total_of(terms: Sequence[Polynomial]) -> Polynomial:
    """The sum of polynomials, without the powers that cancel."""
    total: dict[Powers, NDArray[np.float64]] = {}
    for polynomial in terms:
        for powers, values in polynomial.items():
            total[powers] = total.get(powers, 0) + values
    # Cancelled terms of one of several roundings are no terms.
    largest = {p: max(float(np.abs(t[p]).max()) for t in terms if p in t) for p in total}
    return {p: v for p, v in total.items() if not _is_zero(v, largest[p])} or {
        ONE: np.zeros_like(next(iter(total.values())))
    }


def _is_zero(values: NDArray[np.float64], scale: float) -> bool:
    return bool(np.abs(values).max() <= _SAME * scale)


def product(a: Polynomial, b: Polynomial) -> Polynomial:
    """The product of two polynomials."""
    return total_of(
        [
            {(p[0] + q[0], p[1] + q[1], p[2] + q[2], p[3] + q[3]): v * w}
            for p, v in a.items()
            for q, w in b.items()
        ]
    )


def scaled(polynomial: Polynomial, factor: float) -> Polynomial:
    """A polynomial times a number."""
    return {powers: values * factor for powers, values in polynomial.items()}


def inverse(polynomial: Polynomial) -> Polynomial:
    """The inverse of a constant or of a power of r.

    Raises:
        UnknownError: of anything else.
    """
    (powers, values), *others = polynomial.items()
    if others or powers[:3] != (0, 0, 0) or not values.all():
        raise UnknownError
    return {(0, 0, 0, -powers[3]): 1 / values}
