"""Maps in float64 in the layouts of GPU kernels, and tolerances for a kernel's result."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.dct.frequencies import band, keep_band
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TILE_ROWS, TileMatrix
from jpegcompile.precision import Precision

Doubles = NDArray[np.float64]
# Tolerance of float32 sums, as a fraction of the largest reference value.
FLOAT32_ERROR = 2e-5


def stored(pixels: Doubles, layout: MapLayout) -> Doubles:
    """Return the stored map [N, *layout.shape] of pixels [N, C, H, W]."""
    images, channels = pixels.shape[:2]
    block = layout.block
    coefficients = keep_band(to_jpeg(pixels, block), block, layout.frequencies)
    if layout.is_rows:
        rows, columns = layout.tiles
        tiles = coefficients.reshape(images, channels, rows, block, columns, block)
        tiles = tiles.transpose(0, 2, 4, 3, 5, 1).reshape(images, rows * columns, -1, channels)
        values = tiles[:, :, band(block, layout.frequencies).reshape(-1)]
    else:
        values = to_spatial(coefficients, block).transpose(0, 2, 3, 1)
    result = np.zeros((images, *layout.shape))
    result[..., :channels] = values
    return result


def pixels_of(values: Doubles, layout: MapLayout) -> Doubles:
    """Return the pixels [N, C, H, W] of a stored map; the inverse of `stored`."""
    if not layout.is_rows:
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2)[:, : layout.channels])
    images, block = len(values), layout.block
    rows, columns = layout.tiles
    tiles = np.zeros((images, rows * columns, block * block, values.shape[-1]))
    tiles[:, :, band(block, layout.frequencies).reshape(-1)] = values
    tiles = tiles.reshape(images, rows, columns, block, block, -1).transpose(0, 5, 1, 3, 2, 4)
    coefficients = tiles.reshape(images, -1, layout.height, layout.width)
    return to_spatial(np.ascontiguousarray(coefficients), block)[:, : layout.channels]


def tiled(pixels: Doubles, block: int) -> Doubles:
    """Return pixels [N, C, H, W] by tiles: [N, tiles, block^2, C]."""
    images, channels, height, width = pixels.shape
    tiles = pixels.reshape(images, channels, height // block, block, width // block, block)
    return tiles.transpose(0, 2, 4, 3, 5, 1).reshape(images, -1, block * block, channels)


def untiled(tiles: Doubles, layout: MapLayout) -> Doubles:
    """Return the stored map of pixels or coefficients [N, tiles, T, C]."""
    images, _, _, channels = tiles.shape
    result = np.zeros((images, *layout.shape))
    if layout.is_rows:
        result[..., :channels] = tiles[:, :, : layout.kept]
        return result
    (rows, columns), block = layout.tiles, layout.block
    placed = tiles.reshape(images, rows, columns, block, block, channels)
    placed = placed.transpose(0, 1, 3, 2, 4, 5)
    result[..., :channels] = placed.reshape(images, layout.height, layout.width, channels)
    return result


def spread(pixels: Doubles, layout: MapLayout) -> Doubles:
    """Return bounds [N, *layout.shape] on changes of a stored map if pixels change by `pixels`."""
    matrix = TileMatrix.from_pixels(layout)
    tiles = tiled(np.abs(pixels), layout.block)
    if matrix is not None:
        side = layout.block**2
        assert TILE_ROWS % side == 0
        tiles = np.abs(matrix.values()[:side, :side]) @ tiles
    return untiled(tiles, layout)


def largest_tile(pixels: Doubles, block: int) -> float:
    """Return the largest 2-norm of a tile of one channel."""
    return float(np.sqrt(np.square(tiled(pixels, block)).sum(2).max()))


def transform_error(pixels: Doubles, layout: MapLayout, precision: Precision, count: int) -> float:
    """Return a bound on the error of a number after `count` transforms of tiles in half precision.

    A transform rounds the entries of its matrix and its input, each with a relative error of at
    most u, the roundoff. The rows of the matrix have 2-norm 1, so the error of a number is at most
    2 u times the 2-norm of its tile. Transforms preserve 2-norms, and the per-pixel functions here
    do not increase them.
    """
    if precision.storage == "float32":
        return 0.0
    return count * 2 * precision.roundoff * largest_tile(pixels, layout.block)
