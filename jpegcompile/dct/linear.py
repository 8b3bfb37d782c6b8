"""Separable linear maps of one axis, and their form between block DCTs.

Strided slices, zero padding, crops and average pooling act on rows and columns separately. Each is
therefore a pair of matrices A, one per axis. In the JPEG domain A becomes D_out A D_in^T, which is
exact and costs one matrix product per axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import axis_dct, to_jpeg, to_spatial

# Number of weights to transform at a time.
_AT_ONCE = 1 << 24


def in_jpeg_domain(
    matrix: NDArray[np.float64], input_block: int, output_block: int
) -> NDArray[np.float64]:
    """Return D_out A D_in^T for a spatial operator A.

    Args:
        matrix: the operator A [output size, input size].
        input_block: block size of the input; divides the input size.
        output_block: block size of the output; divides the output size.
    """
    size_out, size_in = matrix.shape
    return np.asarray(axis_dct(size_out, output_block) @ matrix @ axis_dct(size_in, input_block).T)


def take_matrix(indices: Sequence[int], size: int) -> NDArray[np.float64]:
    """Return the operator [len(indices), size] that selects elements, as a strided slice does."""
    matrix = np.zeros((len(indices), size))
    matrix[np.arange(len(indices)), np.asarray(indices, np.int64)] = 1.0
    return matrix


def pad_matrix(begin: int, end: int, size: int) -> NDArray[np.float64]:
    """Return the operator [begin + size + end, size] of zero padding; negative amounts crop.

    Args:
        begin: zeros added at the start.
        end: zeros added at the end.
        size: size of the axis.
    """
    return np.eye(begin + size + end, size, k=-begin)


def padded_indices(mode: str, begin: int, end: int, size: int) -> list[int] | None:
    """Return the index of the element at each place of a padded axis.

    Negative amounts crop before padding is applied, as in ONNX Runtime.

    Args:
        mode: mode of ONNX Pad: "reflect" (without repeating the border), "edge" or "wrap".
        begin: elements added at the start.
        end: elements added at the end.
        size: size of the axis.

    Returns:
        [begin + size + end] indices. None if ONNX Runtime refuses the amounts: if a reflection
        needs more elements than the axis has, or the cropped axis is empty.
    """
    first, last = max(-begin, 0), size - 1 + min(end, 0)
    before, after, count = max(begin, 0), max(end, 0), last - first + 1
    if count < 1 or (mode == "reflect" and max(before, after) >= count):
        return None
    places = np.arange(-before, count + after)
    if mode == "reflect":
        places = count - 1 - np.abs(count - 1 - np.abs(places))
    elif mode == "edge":
        places = np.clip(places, 0, count - 1)
    else:
        places = places % count
    return [first + int(place) for place in places]


def average_pool_matrix(
    size: int, kernel: int, stride: int, pads: tuple[int, int], dilation: int, include_pad: bool
) -> NDArray[np.float64]:
    """Return the operator [output size, size] that computes the mean of each window.

    The divisor of a 2-D window is the product of the divisors of its axes, so one operator per axis
    is enough.

    Args:
        size: input size along the axis.
        kernel: taps of the window along the axis.
        stride: step of the window.
        pads: zero padding before and after.
        dilation: step of the taps.
        include_pad: whether padding counts in the divisor (`count_include_pad`).
    """
    extent = dilation * (kernel - 1) + 1
    output = (size + sum(pads) - extent) // stride + 1
    matrix = np.zeros((output, size))
    for row in range(output):
        start = row * stride - pads[0]
        inside = [i for i in range(start, start + extent, dilation) if 0 <= i < size]
        matrix[row, inside] = 1.0 / (kernel if include_pad else max(len(inside), 1))
    return matrix


def weights_in_jpeg_domain(
    rows: NDArray[Any], map_shape: tuple[int, int, int], block: int
) -> NDArray[Any]:
    """Return weights for a flattened map in the JPEG domain, equivalent to `rows` for pixels.

    Each row is transformed as if it were a map. The DCT is orthonormal, so inner products do not
    change.

    Args:
        rows: weights [outputs, C*H*W] for the spatial map.
        map_shape: (C, H, W).
        block: block size of the map; divides H and W.

    Returns:
        Weights [outputs, C*H*W], computed in float64 and rounded once to the precision of `rows`.
    """
    return _on_rows(rows, map_shape, block, to_jpeg)


def weights_on_pixels(
    rows: NDArray[Any], map_shape: tuple[int, int, int], block: int
) -> NDArray[Any]:
    """Return weights for the pixels of a flattened map; inverts `weights_in_jpeg_domain`."""
    return _on_rows(rows, map_shape, block, to_spatial)


def _on_rows(
    rows: NDArray[Any],
    map_shape: tuple[int, int, int],
    block: int,
    transform: Callable[[NDArray[np.float64], int], NDArray[np.float64]],
) -> NDArray[Any]:
    """Transform each row as a map [C, H, W]."""
    # `empty_like` keeps the memory order of `rows`, which may be a transposed view.
    result = np.empty_like(rows)
    # Transform a few rows at a time, because this needs several copies in float64.
    step = max(1, _AT_ONCE // rows.shape[1])
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        maps = part.astype(np.float64).reshape(-1, *map_shape)
        result[start : start + step] = transform(maps, block).reshape(part.shape)
    return result


def mean_matrix(size: int) -> NDArray[np.float64]:
    """Return the operator [1, size] that computes the mean of an axis."""
    return np.full((1, size), 1.0 / size)


def sum_matrix(size: int) -> NDArray[np.float64]:
    """Return the operator [1, size] that computes the sum of an axis."""
    return np.ones((1, size))
