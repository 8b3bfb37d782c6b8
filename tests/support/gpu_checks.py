"""How far what a GPU kernel makes may be from a float64 reference."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import numpy as np
from support.gpu_maps import Doubles, stored

from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TILE_ROWS, TileMatrix
from jpegcompile.precision import Precision

# Of the largest reference value: what float32 sums may err by.
FLOAT32_ERROR = 2e-5


def tiled(pixels: Doubles, block: int) -> Doubles:
    """Pixels [N, C, H, W] tile by tile: [N, tiles, block^2, C]."""
    images, channels, height, width = pixels.shape
    tiles = pixels.reshape(images, channels, height // block, block, width // block, block)
    return tiles.transpose(0, 2, 4, 3, 5, 1).reshape(images, -1, block * block, channels)


def untiled(tiles: Doubles, layout: MapLayout) -> Doubles:
    """What memory holds of a map whose pixels or coefficients [N, tiles, T, C] are given."""
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


def allowed(pixels: Doubles, layout: MapLayout, precision: Precision) -> Doubles:
    """The largest error [N, *layout.shape] that what memory holds of a map may have.

    Sums are float32 at every precision and may err by FLOAT32_ERROR. Half precision rounds three
    times, each by a relative error of at most u, the roundoff: the entries of the matrix that
    transforms a tile, the pixels that it multiplies, and what is stored. So with y = M p a number
    errs by at most u (2 |M| |p| + |y|) up to terms of u^2, and by u |y| if nothing is transformed.
    """
    expected = stored(pixels, layout)
    bound = np.full_like(expected, FLOAT32_ERROR * np.abs(expected).max())
    if precision.storage == "float32":
        return bound
    bound += precision.roundoff * np.abs(expected)
    matrix = TileMatrix.from_pixels(layout)
    if matrix is not None:
        side = layout.block**2
        assert TILE_ROWS % side == 0
        magnitude = np.abs(matrix.values()[:side, :side]) @ np.abs(tiled(pixels, layout.block))
        bound += 2 * precision.roundoff * untiled(magnitude, layout)
    return bound


def excess(made: Doubles, pixels: Doubles, layout: MapLayout, precision: Precision) -> float:
    """The largest error as a fraction of what is allowed: a right result has at most 1.

    Args:
        made: what the kernel wrote [N, *layout.shape]; NaN, and anything but zero in the padding
            of channels, is an error.
        pixels: of the map that it should be [N, C, H, W], in float64.
        layout: of the map.
        precision: that the kernel ran at.
    """
    errors = np.abs(made - stored(pixels, layout)) / allowed(pixels, layout, precision)
    return float(np.where(np.isnan(errors), np.inf, errors).max())


def name_of(case: Any) -> str:
    """A short name of a case, a dataclass: its fields that differ from their defaults."""
    parts = []
    for field in fields(case):
        value = getattr(case, field.name)
        if field.default is MISSING or value != field.default:
            shown = getattr(
                value, "name", type(value).__name__ if hasattr(value, "steps") else value
            )
            parts.append(f"{field.name}={shown}".replace(" ", ""))
    return ",".join(parts)
