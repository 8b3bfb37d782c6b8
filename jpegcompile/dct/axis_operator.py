"""The matrix from the coefficients of one axis of a component to the network's input.

The matrix composes inverse DCT, crop to the component's true size, upsampling, resize, crop, and
forward DCT at the network's block size.

Scaled decoding uses the first m of the 8 frequencies of every block if an axis shrinks to half or
less. The resize filter removes most of the other frequencies anyway. Let w_ik be the weight of
frequency k of a block in output i, and v_k the variance of that frequency. Dropping k >= m then
changes pixels by

    sqrt(mean over i of sum over blocks and k >= m of w_ik^2 v_k)    levels, root mean square.

The spectrum of photographs falls as 1/f^2 (Field, JOSA A 4, 1987), so v_k = (45 / k)^2. The factor
45 was measured on the luma of ImageNet photographs, and overestimates chroma. The code uses the
smallest m of 2, 4 and 8 with an error of at most 0.2 levels. The error of both axes is then not
larger than the error of rounding to 8 bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.byte_cache import cached
from jpegcompile.dct.banded import TILE, BandedOperator
from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.dct.filters import Taps, taps_of
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.jpeg.frame import ceil_div
from jpegcompile.preprocessing.geometry import AxisPlacement

# Memory limit of cached operators, enough for about a thousand sizes of photographs.
_OPERATOR_BYTES = 1 << 26
# Scaled decoding: the possible numbers of frequencies, the standard deviation of frequency k times
# k in levels, and the largest error in levels.
_FEW = (2, 4)
_DEVIATION = 45.0
_MOST_ERROR = 0.2


@cached(_OPERATOR_BYTES)
def axis_operator(
    axis: AxisPlacement, true_size: int, factor: int, triangle: bool, block: int
) -> BandedOperator:
    """Return the operator [axis.length, 8*ceil(true_size/8)] on the coefficients of an axis.

    Args:
        axis: placement of the axis; its length is a multiple of `block`.
        true_size: true size of the component's axis in samples.
        factor: pixels per sample.
        triangle: whether upsampling by 2 interpolates.
        block: block size of the result.
    """
    to_outputs, starts, inputs = _of_frequencies(axis, true_size, factor, triangle)
    if axis.is_scaled:
        is_used = np.arange(to_outputs.shape[2]) % 8 < _used(to_outputs, axis, factor)
        to_outputs = np.where(is_used, to_outputs, 0.0)
    tile_dct = np.kron(np.eye(TILE // block), dct_matrix(block))
    return BandedOperator(np.matmul(tile_dct, to_outputs), starts, axis.length, inputs)


def used_frequencies(axis: AxisPlacement, true_size: int, factor: int, triangle: bool) -> int:
    """Return the number of frequencies of each block that the operator uses: 2, 4 or 8.

    Args:
        axis: placement of the axis.
        true_size: true size of the component's axis in samples.
        factor: pixels per sample.
        triangle: whether upsampling by 2 interpolates.
    """
    if not axis.is_scaled:
        return 8
    return _used(_of_frequencies(axis, true_size, factor, triangle)[0], axis, factor)


def _used(to_outputs: NDArray[np.float64], axis: AxisPlacement, factor: int) -> int:
    """Count used frequencies, from the weights [tiles, TILE, reach] of whole blocks."""
    if axis.source < 2 * factor * axis.target:
        return 8
    taken = (to_outputs.reshape(-1, to_outputs.shape[2] // 8, 8) ** 2).sum(axis=1)
    shown = np.count_nonzero(taken.any(axis=1))
    variances = taken.sum(axis=0)[1:] * (_DEVIATION / np.arange(1, 8)) ** 2
    for used in _FEW:
        if variances[used - 1 :].sum() <= _MOST_ERROR**2 * shown:
            return used
    return 8


def _of_frequencies(
    axis: AxisPlacement, true_size: int, factor: int, triangle: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Return values [tiles, TILE, reach], starts and inputs of the operator before the DCT."""
    samples = _of_samples(taps_of(axis), true_size, factor, triangle)
    tiles = ceil_div(axis.length, TILE)
    inputs = 8 * ceil_div(true_size, 8)
    starts, reach = _windows(samples, tiles, inputs)
    to_samples = np.zeros((tiles * TILE, reach))
    rows = np.repeat(np.arange(axis.length), samples.places.shape[1])
    places = samples.places - np.repeat(starts, TILE)[: axis.length, None]
    is_used = samples.weights.ravel() != 0.0
    np.add.at(
        to_samples,
        (rows[is_used], places.ravel()[is_used]),
        samples.weights.ravel()[is_used],
    )
    inverse = np.kron(np.eye(reach // 8), dct_matrix(8)).T
    return (to_samples @ inverse).reshape(tiles, TILE, reach), starts, inputs


def _of_samples(taps: Taps, true_size: int, factor: int, triangle: bool) -> Taps:
    """Convert taps on pixels to taps on the samples that the pixels are upsampled from."""
    parts = Upsampling(factor, factor, triangle).taps(factor, true_size, taps.places)
    places = np.concatenate([samples for samples, _ in parts], axis=1)
    return Taps(places, np.concatenate([taps.weights * weight for _, weight in parts], axis=1))


def _windows(samples: Taps, tiles: int, inputs: int) -> tuple[NDArray[np.int64], int]:
    """Return the first input of every tile, and how many inputs each tile reads (whole blocks)."""
    length, count = samples.places.shape
    is_used = np.zeros((tiles * TILE, count), bool)
    is_used[:length] = samples.weights != 0.0
    blocks = np.zeros((tiles * TILE, count), np.int64)
    blocks[:length] = samples.places // 8
    first = np.where(is_used, blocks, inputs).reshape(tiles, -1).min(axis=1)
    last = np.where(is_used, blocks, -1).reshape(tiles, -1).max(axis=1)
    # A tile outside the image has zero weights, but must still read valid inputs.
    first = np.where(last < 0, 0, first)
    reach = 8 * int((last - first).max(initial=0) + 1)
    return np.minimum(8 * first, inputs - reach), reach
