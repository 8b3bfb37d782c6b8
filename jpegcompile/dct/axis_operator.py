"""One axis of a component of a file, from its coefficients to the network's input, as one matrix.

Inverse DCT, crop to the component's true size, upsampling, resize, crop, and forward DCT at the
network's block size, composed.

Scaled decoding takes the first m of the 8 frequencies of every block, where an axis shrinks to half
or less. The image of a shrunk axis is made of what the filter lets pass, and takes little of the
others: if output i takes w_ik of frequency k of a block, and if that has the variance v_k, leaving
k >= m out moves pixels by

    sqrt(mean over i of sum over blocks and k >= m of w_ik^2 v_k)    levels, root mean square.

The spectrum of photographs falls as 1/f^2 (Field, JOSA A 4, 1987), so v_k = (45 / k)^2; 45 / k was
measured on the luma of photographs of ImageNet, and is too much for chroma. The smallest m of 2, 4
and 8 is taken by which the error is 0.2 levels or less: both axes together then err no more than
rounding to 8 bits does.
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

# Those of a thousand sizes of photographs.
_OPERATOR_BYTES = 1 << 26
# Of scaled decoding: how many frequencies it may take, how far frequency k of a block deviates,
# divided by k, and the error that is allowed, both in levels.
_FEW = (2, 4)
_DEVIATION = 45.0
_MOST_ERROR = 0.2


@cached(_OPERATOR_BYTES)
def axis_operator(
    axis: AxisPlacement, true_size: int, factor: int, triangle: bool, block: int
) -> BandedOperator:
    """[axis.length, 8*ceil(true_size/8)]: coefficients of a component's axis to the result's.

    Args:
        axis: where the axis comes to stand; its length is a multiple of `block`.
        true_size: of the axis of the component, in samples.
        factor: pixels to a sample.
        triangle: whether a factor of 2 interpolates.
        block: block size of the result.
    """
    to_outputs, starts, inputs = _of_frequencies(axis, true_size, factor, triangle)
    if axis.is_scaled:
        is_used = np.arange(to_outputs.shape[2]) % 8 < _used(to_outputs, axis, factor)
        to_outputs = np.where(is_used, to_outputs, 0.0)
    tile_dct = np.kron(np.eye(TILE // block), dct_matrix(block))
    return BandedOperator(np.matmul(tile_dct, to_outputs), starts, axis.length, inputs)


def used_frequencies(axis: AxisPlacement, true_size: int, factor: int, triangle: bool) -> int:
    """How many frequencies of each block reach the result: 2, 4 or 8.

    Args:
        axis: where it comes to stand.
        true_size: of the axis of the component, in samples.
        factor: pixels to a sample.
        triangle: whether a factor of 2 interpolates.
    """
    if not axis.is_scaled:
        return 8
    return _used(_of_frequencies(axis, true_size, factor, triangle)[0], axis, factor)


def _used(to_outputs: NDArray[np.float64], axis: AxisPlacement, factor: int) -> int:
    """The same of [tiles, TILE, reach], what outputs take of the frequencies of whole blocks."""
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
    """[tiles, TILE, reach] of the operator before the forward DCT, its starts and its inputs."""
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
    """The same of the samples of a component, each of which is upsampled to several pixels."""
    parts = Upsampling(factor, factor, triangle).taps(factor, true_size, taps.places)
    places = np.concatenate([samples for samples, _ in parts], axis=1)
    return Taps(places, np.concatenate([taps.weights * weight for _, weight in parts], axis=1))


def _windows(samples: Taps, tiles: int, inputs: int) -> tuple[NDArray[np.int64], int]:
    """The first input of every tile of outputs, and how many each reads: whole blocks."""
    length, count = samples.places.shape
    is_used = np.zeros((tiles * TILE, count), bool)
    is_used[:length] = samples.weights != 0.0
    blocks = np.zeros((tiles * TILE, count), np.int64)
    blocks[:length] = samples.places // 8
    first = np.where(is_used, blocks, inputs).reshape(tiles, -1).min(axis=1)
    last = np.where(is_used, blocks, -1).reshape(tiles, -1).max(axis=1)
    # A tile that shows nothing of the image reads what is there anyway.
    first = np.where(last < 0, 0, first)
    reach = 8 * int((last - first).max(initial=0) + 1)
    return np.minimum(8 * first, inputs - reach), reach
