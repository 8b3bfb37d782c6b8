"""Polynomials in a map x, its mean m, its variance v and r = (v + epsilon)^(-1/2).

A coefficient has one value for each channel. Coefficients are sums and products of float32
constants, so values are considered equal if they differ by no more than float32 rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Exponents of x, m, v and r.
Powers = tuple[int, int, int, int]
# Coefficients [channels] by exponents.
Polynomial = Mapping[Powers, NDArray[np.float64]]

ONE: Powers = (0, 0, 0, 0)
X: Powers = (1, 0, 0, 0)
M: Powers = (0, 1, 0, 0)
V: Powers = (0, 0, 1, 0)
# Relative tolerance for float32 constants that are combined in float64.
_SAME = 1e-6


class UnknownError(Exception):
    """A node is not part of a normalization."""


def rounded(polynomial: Polynomial) -> Polynomial:
    """Remove terms whose coefficients are zero up to float32 rounding."""
    return {
        powers: values
        for powers, values in polynomial.items()
        if powers == ONE or not is_same(values, 0.0)
    }


def is_same(a: Any, b: Any) -> bool:
    """Whether all elements agree up to float32 rounding."""
    return bool(np.allclose(a, b, rtol=_SAME, atol=1e-12))


def total_of(terms: Sequence[Polynomial]) -> Polynomial:
    """Sum of polynomials, without terms that cancel."""
    total: dict[Powers, NDArray[np.float64]] = {}
    for polynomial in terms:
        for powers, values in polynomial.items():
            total[powers] = total.get(powers, 0) + values
    # A sum that is small relative to its largest term has cancelled up to rounding.
    largest = {p: max(float(np.abs(t[p]).max()) for t in terms if p in t) for p in total}
    return {p: v for p, v in total.items() if not _is_zero(v, largest[p])} or {
        ONE: np.zeros_like(next(iter(total.values())))
    }


def _is_zero(values: NDArray[np.float64], scale: float) -> bool:
    return bool(np.abs(values).max() <= _SAME * scale)


def product(a: Polynomial, b: Polynomial) -> Polynomial:
    """Product of two polynomials."""
    return total_of(
        [
            {(p[0] + q[0], p[1] + q[1], p[2] + q[2], p[3] + q[3]): v * w}
            for p, v in a.items()
            for q, w in b.items()
        ]
    )


def scaled(polynomial: Polynomial, factor: float) -> Polynomial:
    """Product of a polynomial and a number."""
    return {powers: values * factor for powers, values in polynomial.items()}


def inverse(polynomial: Polynomial) -> Polynomial:
    """Inverse of a constant or of a power of r.

    Raises:
        UnknownError: for any other polynomial.
    """
    (powers, values), *others = polynomial.items()
    if others or powers[:3] != (0, 0, 0) or not values.all():
        raise UnknownError
    return {(0, 0, 0, -powers[3]): 1 / values}
