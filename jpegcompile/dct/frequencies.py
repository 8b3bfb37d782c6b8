"""Spatial frequencies of a tile. A band of n frequencies consists of the coefficients u + v < n.

A b x b tile has 2b - 1 spatial frequencies, 15 for b = 8 (Ehrlich and Davis, ICCV 2019, section
4.2). Users always count frequencies of 8x8 tiles; `resolve` converts the number to other block
sizes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.byte_cache import cached
from jpegcompile.dct.blocks import Float

ALL = 15


def full(block: int) -> int:
    """Return the number of spatial frequencies of a tile, 2b - 1."""
    return 2 * block - 1


def resolve(frequencies: int, block: int) -> int:
    """Convert a number of frequencies of an 8x8 tile to another block size, at least 1."""
    return max(1, round(frequencies * full(block) / ALL))


@cached(1 << 16)
def band(block: int, frequencies: int) -> NDArray[np.bool_]:
    """Return the mask [block, block] of coefficients with u + v < `frequencies`.

    Raises:
        ValueError: if a tile does not have that number of frequencies.
    """
    if not 1 <= frequencies <= full(block):
        raise ValueError(f"a {block}x{block} tile has frequencies 1 to {full(block)}")
    index = np.arange(block)
    inside = index[:, None] + index < frequencies
    inside.setflags(write=False)
    return inside


def band_map(height: int, width: int, block: int, frequencies: int) -> NDArray[np.float64]:
    """Return the mask [H, W] of a map in the JPEG domain: 1 in the band of every tile, else 0."""
    repeats = (height // block, width // block)
    return np.tile(band(block, frequencies).astype(np.float64), repeats)


def keep_band(maps: NDArray[Float], block: int, frequencies: int) -> NDArray[Float]:
    """Set coefficients outside the band to zero, in maps [..., H, W] in the JPEG domain."""
    height, width = maps.shape[-2:]
    mask = band_map(height, width, block, frequencies)
    return np.where(mask > 0, maps, np.zeros_like(maps))


def band_share(block: int, frequencies: int) -> float:
    """Return the fraction of a tile's coefficients that are in a band."""
    return float(band(block, frequencies).mean())


def transform_cost(block: int, frequencies: int) -> float:
    """Return the multiply-adds per pixel of a block DCT that computes only a band.

    The number is the same in both directions. One pass transforms the coefficients of the band
    along one axis; the other pass transforms the columns (or rows) with such coefficients. All
    frequencies cost 2b.
    """
    inside = int(band(block, frequencies).sum())
    return inside / block + min(frequencies, block)
