"""Find the operator whose effect on one axis is a given matrix [output size, input size]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.linear import average_pool_matrix, pad_matrix, padded_indices, take_matrix
from jpegcompile.dct.resize import Sampling, resize_matrix

Matrix = NDArray[np.float64]
Axes = tuple[Matrix, Matrix]
# Matrices in float32 were rounded once.
_TOLERANCE = 2e-5
_TO_BEGINNING, _TO_END = -(2**31), 2**31 - 1


@dataclass(frozen=True)
class Window:
    """The window of a pooling along an axis."""

    kernel: int
    stride: int
    begin: int
    end: int
    dilation: int


def _equal(matrix: Matrix, other: Matrix) -> bool:
    return matrix.shape == other.shape and bool(np.abs(matrix - other).max() <= _TOLERANCE)


def is_identity(matrix: Matrix) -> bool:
    """Whether an axis does not change."""
    return _equal(matrix, np.eye(*matrix.shape))


def is_mean(matrix: Matrix) -> bool:
    """Whether the result is the mean of the axis."""
    return _equal(matrix, np.full((1, matrix.shape[1]), 1 / matrix.shape[1]))


def is_sum(matrix: Matrix) -> bool:
    """Whether the result is the sum of the axis."""
    return _equal(matrix, np.ones((1, matrix.shape[1])))


def is_ones(matrix: Matrix) -> bool:
    """Whether an axis of one element is broadcast."""
    return _equal(matrix, np.ones((len(matrix), 1)))


def steps(matrix: Matrix) -> tuple[int, int, int] | None:
    """Return start, end and step of the Slice with this matrix; None if there is none."""
    indices = matrix.argmax(axis=1).tolist()
    size = matrix.shape[1]
    step = indices[1] - indices[0] if len(indices) > 1 else 1
    if step == 0 or not _equal(matrix, take_matrix(indices, size)):
        return None
    if indices != list(range(indices[0], indices[-1] + (1 if step > 0 else -1), step)):
        return None
    if step < 0:
        return indices[0], indices[-1] - 1 if indices[-1] else _TO_BEGINNING, step
    # An end that does not depend on the size lets `--resolution` change it.
    return indices[0], indices[-1] + 1 if indices[-1] + step < size else _TO_END, step


def average_pool(matrix: Matrix, *, include_pad: bool) -> Window | None:
    """Return the window of the average pooling with this matrix; None if there is none."""
    taps = [np.flatnonzero(np.abs(row) > _TOLERANCE) for row in matrix]
    # The weights of a mean are positive, and at most 1.
    if any(len(tap) == 0 for tap in taps) or not _TOLERANCE < matrix.max() <= 1 + _TOLERANCE:
        return None
    outputs, size = matrix.shape
    gaps = [int(np.diff(tap).min()) for tap in taps if len(tap) > 1]
    dilation = min(gaps, default=1)
    kernel = round(1 / matrix.max()) if include_pad else max(map(len, taps))
    extent = dilation * (kernel - 1) + 1
    begin = extent - 1 - int(taps[0][-1]) if len(taps[0]) < kernel else -int(taps[0][0])
    for stride in _strides(taps, extent):
        end = max((outputs - 1) * stride + extent - size - begin, 0)
        if begin < 0 or max(begin, end) >= extent or stride < 1:
            continue
        found = average_pool_matrix(size, kernel, stride, (begin, end), dilation, include_pad)
        if _equal(matrix, found):
            return Window(kernel, stride, begin, end, dilation)
    return None


def _strides(taps: list[NDArray[np.intp]], extent: int) -> list[int]:
    """Return the possible distances between windows."""
    if len(taps) == 1:
        return [extent]
    pairs = list(pairwise(taps))
    return sorted({int(b[k] - a[k]) for a, b in pairs for k in (0, -1)})


def padding(axes: Axes) -> tuple[str, tuple[tuple[int, int], tuple[int, int]]] | None:
    """Return the mode of the Pad with these matrices, and the amounts of both axes."""
    for mode in ("constant", "reflect", "edge", "wrap"):
        first, second = (_amounts(a, mode) for a in axes)
        if first is not None and second is not None:
            return mode, (first, second)
    return None


def _amounts(matrix: Matrix, mode: str) -> tuple[int, int] | None:
    outputs, size = matrix.shape
    more = outputs - size
    # Small amounts first; negative amounts crop.
    for begin in sorted(range(-size, outputs + 1), key=lambda b: abs(b) + abs(more - b)):
        end = more - begin
        if mode == "constant":
            found: Matrix | None = pad_matrix(begin, end, size)
        else:
            indices = padded_indices(mode, begin, end, size)
            found = None if indices is None else take_matrix(indices, size)
        if found is not None and _equal(matrix, found):
            return begin, end
    return None


def resampling(axes: Axes, *, has_modes: bool) -> tuple[Sampling, tuple[float, float]] | None:
    """Return how the Resize with these matrices interpolates, and the scales of both axes.

    Args:
        axes: matrices of both axes.
        has_modes: whether Resize has modes of coordinates, since opset 11.
    """
    scales = [len(a) / a.shape[1] for a in axes]
    sizes = [int(np.float32(a.shape[1]) * np.float32(s)) for a, s in zip(axes, scales, strict=True)]
    if sizes != [len(a) for a in axes]:
        return None
    for sampling in _samplings() if has_modes else _OLD_SAMPLINGS:
        if all(
            _equal(a, resize_matrix(a.shape[1], len(a), s, sampling))
            for a, s in zip(axes, scales, strict=True)
        ):
            return sampling, (scales[0], scales[1])
    return None


_OLD_SAMPLINGS = tuple(Sampling(mode, "asymmetric", "simple") for mode in ("nearest", "linear"))
_COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners")


def _samplings() -> Iterator[Sampling]:
    """Iterate over interpolations, those that exporters write first."""
    nearest = ("floor", "round_prefer_floor", "round_prefer_ceil", "ceil")
    for coordinates, rounding in product((*_COORDINATES, "tf_half_pixel_for_nn"), nearest):
        yield Sampling("nearest", coordinates, rounding)
    for mode, coordinates in product(("linear", "cubic"), _COORDINATES):
        yield Sampling(mode, coordinates)
