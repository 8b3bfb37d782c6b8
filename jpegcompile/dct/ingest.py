"""The decode contract as a linear operator on coefficients, with no pixel in between.

Component k of a file becomes rows_k @ C_k @ columns_k^T, C_k being its dequantised coefficients in
place; each one-dimensional operator is inverse DCT, crop to the true size, upsampling, crop to the
image and forward DCT at the network's block size, composed. Colour and normalisation then mix
channels, and constants touch the DC coefficients only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.byte_cache import cached
from jpegcompile.dct.banded import TILE, BandedOperator
from jpegcompile.dct.blocks import block_size, dct_matrix, planes_in_place
from jpegcompile.dct.color import check_chroma_sampling, mixing_matrix
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame, ceil_div
from jpegcompile.network_input import NetworkInput

# Of operators of axes: those of a thousand sizes of photographs.
_OPERATOR_BYTES = 1 << 26


@dataclass(frozen=True)
class IngestOperators:
    """The operators from one frame to one network's input; see the module's text.

    Attributes:
        rows, columns: for each component [H, 8*block rows] and [W, 8*block columns].
        mixing: [channels, components], colour and normalisation together.
        offset: [channels], the level shift and the normalisation's constant, in pixel units.
        block: block size of the result.
    """

    rows: tuple[BandedOperator, ...]
    columns: tuple[BandedOperator, ...]
    mixing: NDArray[np.float64]
    offset: NDArray[np.float64]
    block: int


def require_same_size(frame: Frame, taken: NetworkInput) -> None:
    """Refuse a file whose size is not the network's.

    Raises:
        ImageError: naming both sizes.
    """
    if frame.size != taken.size:
        raise ImageError(
            f"is {frame.width}x{frame.height} but the model takes {taken.width}x{taken.height};"
            " resizing is not supported, give images of that size"
        )


def ingest_operators(
    frame: Frame, taken: NetworkInput, block: int | None = None
) -> IngestOperators:
    """Operators that take the dequantised coefficients of a file to a network's input.

    Args:
        frame: of the file.
        taken: what the network takes of it.
        block: block size of the result, 1 for pixels; by default the largest for that size.

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr, or the file's
            size is not the network's.
        UsageError: if the network takes tensors.
    """
    color, affine = taken.from_pixels
    require_same_size(frame, taken)
    check_chroma_sampling(frame)
    block = block_size(*taken.size) if block is None else block
    rows: list[BandedOperator] = []
    columns: list[BandedOperator] = []
    for index in range(len(frame.sampling)):
        true_height, true_width = frame.component_size(index)
        upsampling = Upsampling.of(frame, index)
        sides = (
            (rows, taken.height, true_height, upsampling.vertical),
            (columns, taken.width, true_width, upsampling.horizontal),
        )
        for operators, size, true_size, factor in sides:
            triangle = upsampling.triangle and factor == 2
            operators.append(axis_operator(size, true_size, factor, triangle, block))
    return IngestOperators(
        tuple(rows),
        tuple(columns),
        mixing_matrix(frame.color_space, color) * affine.scale[:, None],
        128.0 * affine.scale + affine.shift,
        block,
    )


@cached(_OPERATOR_BYTES)
def axis_operator(
    size: int, true_size: int, factor: int, triangle: bool, block: int
) -> BandedOperator:
    """[size, 8*ceil(true_size/8)]: coefficients of a component's axis to those of the result.

    Args:
        size: of the axis of the image; a multiple of `block`.
        true_size: of the axis of the component, in samples.
        factor: pixels to a sample.
        triangle: whether a factor of 2 interpolates.
        block: block size of the result.
    """
    tiles = ceil_div(size, TILE)
    pixels = np.arange(tiles * TILE)
    taps = Upsampling(factor, factor, triangle).taps(factor, true_size, pixels)
    inside = np.minimum(pixels, size - 1)
    blocks = np.stack([samples[inside] // 8 for samples, _ in taps]).reshape(-1, tiles, TILE)
    first, last = blocks.min(axis=(0, 2)), blocks.max(axis=(0, 2))
    reach = 8 * int((last - first).max() + 1)
    inputs = 8 * ceil_div(true_size, 8)
    starts = np.minimum(8 * first, inputs - reach)
    upsampling = np.zeros((tiles * TILE, reach))
    for samples, weight in taps:
        places = samples - np.repeat(starts, TILE)
        upsampling[pixels[:size], places[:size]] += weight
    to_samples = np.kron(np.eye(reach // 8), dct_matrix(8)).T
    tile_dct = np.kron(np.eye(TILE // block), dct_matrix(block))
    values = np.matmul(tile_dct, (upsampling @ to_samples).reshape(tiles, TILE, reach))
    return BandedOperator(values, starts, size, inputs)


def ingest(coefficients: Coefficients, taken: NetworkInput) -> NDArray[np.float64]:
    """The network's input [channels, H, W] in the jpeg domain at `block_size(H, W)`, in float64.

    Raises:
        ImageError, UsageError: as `ingest_operators`.
    """
    operators = ingest_operators(coefficients.frame, taken)
    used = np.flatnonzero(operators.mixing.any(axis=0))
    components = np.empty((len(used), *taken.size))
    for place, index in enumerate(used):
        table = coefficients.quantization[index].astype(np.float64)
        plane = planes_in_place(coefficients.planes[index] * table)
        components[place] = operators.columns[index].columns(operators.rows[index].rows(plane))
    mixed = operators.mixing[:, used] @ components.reshape(len(used), -1)
    result = mixed.reshape(-1, *taken.size)
    block = operators.block
    result[:, ::block, ::block] += block * operators.offset[:, None, None]
    return result
