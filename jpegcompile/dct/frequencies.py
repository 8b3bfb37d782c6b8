"""Spatial frequencies of a tile: the bands u + v < n that the method counts by.

A b x b tile has 2b - 1 of them, 15 at b = 8 (Ehrlich and Davis, ICCV 2019, section 4.2). Users
count frequencies on 8x8 tiles whatever the block size; `resolve` gives the number for smaller ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.byte_cache import cached
from jpegcompile.dct.blocks import Float

ALL = 15


def full(block: int) -> int:
    """Number of spatial frequencies of a tile, 2b - 1."""
    return 2 * block - 1


def resolve(frequencies: int, block: int) -> int:
    """What a number of frequencies of an 8x8 tile means at another block size, at least 1."""
    return max(1, round(frequencies * full(block) / ALL))


@cached(1 << 16)
def band(block: int, frequencies: int) -> NDArray[np.bool_]:
    """[block, block]: where u + v < `frequencies`.

    Raises:
        ValueError: if there are no such frequencies in a tile.
    """
    if not 1 <= frequencies <= full(block):
        raise ValueError(f"a {block}x{block} tile has frequencies 1 to {full(block)}")
    index = np.arange(block)
    inside = index[:, None] + index < frequencies
    inside.setflags(write=False)
    return inside


def band_map(height: int, width: int, block: int, frequencies: int) -> NDArray[np.float64]:
    """[H, W] of a jpeg-domain map: 1 in the band of every tile, 0 elsewhere."""
    repeats = (height // block, width // block)
    return np.tile(band(block, frequencies).astype(np.float64), repeats)


def keep_band(maps: NDArray[Float], block: int, frequencies: int) -> NDArray[Float]:
    """Jpeg-domain maps [..., H, W] with zero outside the band."""
    height, width = maps.shape[-2:]
    mask = band_map(height, width, block, frequencies)
    return np.where(mask > 0, maps, np.zeros_like(maps))


def band_share(block: int, frequencies: int) -> float:
    """Coefficients of a band as a fraction of all in a tile."""
    return float(band(block, frequencies).mean())


def transform_cost(block: int, frequencies: int) -> float:
    """Multiply-adds a pixel of a block DCT, one axis after the other, of which a band is wanted.

    The same in both directions: of b * b coefficients those of the band are transformed along one
    axis, then the columns (or rows) that hold any along the other. All frequencies cost 2b.
    """
    inside = int(band(block, frequencies).sum())
    return inside / block + min(frequencies, block)
