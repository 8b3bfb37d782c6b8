"""Distances of two tensors, entry by entry or as block coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import to_jpeg

# Number of values to compare at a time, because float64 copies need more memory than the maps.
_AT_ONCE = 1 << 20


def distances(actual: NDArray[Any], expected: NDArray[Any]) -> NDArray[np.float64]:
    """Return the magnitude of the difference of every entry of two arrays with one shape.

    The distance is infinite if only one side is infinite or NaN, if infinities have different
    signs, or if values of other types than floating-point differ.
    """
    if not is_continuous(expected):
        return np.where(actual == expected, 0.0, np.inf)
    first, second = actual.astype(np.float64), expected.astype(np.float64)
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(first - second))
    return np.nan_to_num(difference, nan=np.inf, posinf=np.inf)


def magnitudes(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the magnitude of every entry; 0 for values that are infinite, NaN or not numbers."""
    if not is_continuous(values):
        return np.zeros(values.shape)
    wide = np.abs(values.astype(np.float64))
    return np.where(np.isfinite(wide), wide, 0.0)


def is_continuous(values: NDArray[Any]) -> bool:
    """Whether values are floating-point numbers, which rounding errors change."""
    return bool(np.issubdtype(values.dtype, np.floating))


def coefficient_distance(
    actual: NDArray[Any], expected: NDArray[Any], block: int, *, is_spatial: bool = False
) -> tuple[float, float]:
    """Compare two maps as block coefficients.

    Args:
        actual: coefficients, or a map in the spatial domain if `is_spatial`.
        expected: a map in the spatial domain.
        block: block size.
        is_spatial: whether `actual` is in the spatial domain.

    Returns:
        The largest difference, and the largest magnitude of a coefficient of `expected`.
    """
    if actual.shape != expected.shape:
        return float("inf"), 0.0
    error = largest = 0.0
    for first, second in zip(_chunks(actual, block), _chunks(expected, block), strict=True):
        if block > 1:
            second = to_jpeg(second.astype(np.float64), block)
            if is_spatial:
                first = to_jpeg(first.astype(np.float64), block)
        error = max(error, float(np.max(distances(first, second), initial=0.0)))
        largest = max(largest, float(np.max(magnitudes(second), initial=0.0)))
    return error, largest


def _chunks(values: NDArray[Any], block: int) -> list[NDArray[Any]]:
    """Split a map into chunks of whole rows of tiles."""
    lead = values.shape[-2:] if values.ndim > 2 else values.shape[-1:]
    rows = values.reshape(-1, *lead)
    if values.ndim > 2:
        rows = rows.reshape(-1, block, lead[-1]) if lead[0] % block == 0 else rows
    step = max(_AT_ONCE // max(int(np.prod(rows.shape[1:])), 1), 1)
    return [rows[start : start + step] for start in range(0, len(rows), step)]
