"""The block DCT of PyTorch tensors, and the frequencies of their tiles.

The transform is orthonormal: its gradient is the inverse transform. `jpegcompile.dct.blocks` has
the same functions in NumPy. `jpegcompile.learning.tiles` chooses what computes them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jpegcompile.dct.frequencies import full, resolve
from jpegcompile.learning.composed import band_of
from jpegcompile.learning.maps import block_of
from jpegcompile.learning.tiles import transform

__all__ = [
    "block_dct",
    "block_of",
    "inverse_block_dct",
    "keep_band",
    "keeps_all",
    "low_frequencies",
    "on_dc",
]


def block_dct(pixels: Tensor) -> Tensor:
    """Transform pixels to the JPEG domain.

    Args:
        pixels: floating point [..., H, W].

    Returns:
        The orthonormal DCT-II of every tile, in place of the tile. Shape, type and memory format do
        not change. Half precision is rounded only at the end.
    """
    block = block_of(pixels)
    return pixels if block == 1 else transform(pixels, "forward", full(block))


def inverse_block_dct(maps: Tensor) -> Tensor:
    """Transform maps [..., H, W] in the JPEG domain to pixels; inverts `block_dct`."""
    block = block_of(maps)
    return maps if block == 1 else transform(maps, "inverse", full(block))


def keep_band(maps: Tensor, frequencies: int) -> Tensor:
    """Set the coefficients of high frequencies to zero.

    Args:
        maps: [..., H, W] in the JPEG domain.
        frequencies: number of kept frequencies u + v of an 8x8 tile, 1 to 15. For tiles of another
            size the number is converted by `resolve`.
    """
    if keeps_all(maps, frequencies):
        return maps
    block = block_of(maps)
    return maps * band_of(maps, block, resolve(frequencies, block))


def low_frequencies(pixels: Tensor, frequencies: int) -> Tensor:
    """Return pixels [..., H, W] from few frequencies of their tiles; arguments as `keep_band`."""
    if keeps_all(pixels, frequencies):
        return pixels
    return transform(pixels, "project", resolve(frequencies, block_of(pixels)))


def pixels_of_band(maps: Tensor, frequencies: int) -> Tensor:
    """Return the pixels of few frequencies of maps in the JPEG domain; arguments as `keep_band`."""
    block = block_of(maps)
    return maps if block == 1 else transform(maps, "inverse", resolve(frequencies, block))


def keeps_all(maps: Tensor, frequencies: int) -> bool:
    """Return whether a number of frequencies includes every frequency of these tiles."""
    block = block_of(maps)
    return resolve(frequencies, block) == full(block)


def on_dc(maps: Tensor, values: Tensor) -> Tensor:
    """Add constants to maps in the JPEG domain, as a bias is added to pixels.

    Args:
        maps: [N, C, H, W].
        values: pixel values that broadcast to [N, C, 1, 1].
    """
    block = block_of(maps)
    return maps + (values if block == 1 else values * ones_map(maps, block))


def ones_map(maps: Tensor, block: int) -> Tensor:
    """Return the block DCT [H, W] of a map of ones: `block` at every DC, zero elsewhere."""
    height, width = maps.shape[-2:]
    tile = torch.zeros(block, block, dtype=maps.dtype, device=maps.device)
    tile[0, 0] = block
    return tile.repeat(height // block, width // block)
