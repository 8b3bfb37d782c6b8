"""One axis of a component of a file, from its coefficients to the network's input, as one matrix.

Inverse DCT, crop to the component's true size, upsampling, resize, crop, and forward DCT at the
network's block size, composed.
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
    tile_dct = np.kron(np.eye(TILE // block), dct_matrix(block))
    values = np.matmul(tile_dct, (to_samples @ inverse).reshape(tiles, TILE, reach))
    return BandedOperator(values, starts, axis.length, inputs)


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
