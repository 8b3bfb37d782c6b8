"""Bins of large errors, so that the limit of jumps may rise when results are merged.

An entry jumps if its error exceeds a fraction of the output's largest magnitude. The largest
magnitude of all inputs is only known at the end. So errors above the current limit are stored in
bins, one for each power of two. When the limit rises above a bin, the bin is folded into the
ordinary errors. The limit is rounded to the nearest power of two. Folding is therefore exact and
does not depend on the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import frexp, sqrt

import numpy as np
from numpy.typing import NDArray

from jpegcompile.results.record import Record

# Bins of errors that are 0 or infinite, and the limit of an output that is 0 everywhere.
_NEVER, _ALWAYS, _OF_ZEROS = -9999, 9999, -9998


@dataclass(frozen=True)
class JumpBin(Record):
    """Entries that jump by errors of similar magnitude.

    Attributes:
        exponent: errors are above 2^(exponent - 1) and at most 2^exponent, in units of
            `Tolerance.jump`.
        jumps: number of entries of the compiled model.
        own_jumps: number of entries of the original if its sums are moved.
        errors: largest error of each component; empty for infinite errors.
        own: largest rounding error of the original, of each component; empty for infinite errors.
    """

    exponent: int
    jumps: int
    own_jumps: int
    errors: tuple[float, ...]
    own: tuple[float, ...]

    def merge(self, other: JumpBin) -> JumpBin:
        """Return the entries of two bins with the same exponent and components."""
        return JumpBin(
            self.exponent,
            self.jumps + other.jumps,
            self.own_jumps + other.own_jumps,
            tuple(map(max, self.errors, other.errors)),
            tuple(map(max, self.own, other.own)),
        )

    def collapsed(self) -> JumpBin:
        """Return the bin with the whole output as its only component."""
        errors, own = (max(part) for part in (self.errors or (0.0,), self.own or (0.0,)))
        if self.exponent == _ALWAYS:
            return self
        return JumpBin(self.exponent, self.jumps, self.own_jumps, (errors,), (own,))


def exponents(values: NDArray[np.float64], jump: float) -> NDArray[np.int16]:
    """Return the bin of each error.

    Args:
        values: errors.
        jump: `Tolerance.jump`, the fraction of the largest magnitude above which an error jumps.
    """
    is_finite = np.isfinite(values)
    mantissas, found = np.frexp(np.where(is_finite, values, 0.0) / jump)
    found = np.where(mantissas == 0.5, found - 1, found)
    found = np.where(values == 0.0, _NEVER, found)
    return np.where(is_finite, found, _ALWAYS).astype(np.int16)


def limit_of(largest: float) -> int:
    """Return the last bin without jumps for an output with this largest magnitude."""
    if largest == 0.0:
        return _OF_ZEROS
    mantissa, exponent = frexp(largest)
    return exponent if mantissa >= sqrt(0.5) else exponent - 1


def is_infinite(exponent: int) -> bool:
    """Whether a bin contains the infinite errors."""
    return exponent == _ALWAYS


def merged_bins(bins: Iterable[JumpBin]) -> tuple[JumpBin, ...]:
    """Return one bin for each exponent, sorted."""
    found: dict[int, JumpBin] = {}
    for one in bins:
        known = found.get(one.exponent)
        found[one.exponent] = one if known is None else known.merge(one)
    return tuple(found[exponent] for exponent in sorted(found))


def folded(
    errors: Sequence[float], own: Sequence[float], bins: Iterable[JumpBin], limit: int
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[JumpBin, ...]]:
    """Fold the bins up to a limit into the ordinary errors.

    Args:
        errors: ordinary error of each component.
        own: ordinary rounding error of each component.
        bins: bins of jumps.
        limit: last bin without jumps.

    Returns:
        The errors, the rounding errors, and the bins above the limit.
    """
    above = []
    for one in bins:
        if one.exponent > limit:
            above.append(one)
        else:
            errors = tuple(map(max, errors, one.errors))
            own = tuple(map(max, own, one.own))
    return tuple(errors), tuple(own), tuple(above)
