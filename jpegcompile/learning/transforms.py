"""The block DCT of PyTorch tensors, and the frequencies of their tiles.

The functions are compositions of PyTorch operators, so gradients, `torch.func` and `torch.compile`
work as for any other. The transform is orthonormal: its gradient is the inverse transform.
`jpegcompile.dct.blocks` has the same functions in NumPy.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jpegcompile.dct.blocks import BLOCK_SIZES, dct_matrix
from jpegcompile.dct.frequencies import band, full, resolve

# As nested tuples, which `torch.compile` treats as constants.
_MATRICES = {b: tuple(map(tuple, dct_matrix(b).tolist())) for b in BLOCK_SIZES}
_BANDS = {
    (b, n): tuple(map(tuple, band(b, n).astype(float).tolist()))
    for b in BLOCK_SIZES
    for n in range(1, full(b) + 1)
}


def block_of(maps: Tensor) -> int:
    """Return the block size of maps [..., H, W]: the largest of 8, 4, 2, 1 that divides H and W."""
    height, width = maps.shape[-2:]
    for block in BLOCK_SIZES:
        if height % block == 0 and width % block == 0:
            return block
    return 1


def block_dct(pixels: Tensor) -> Tensor:
    """Transform pixels to the JPEG domain.

    Args:
        pixels: floating point [..., H, W].

    Returns:
        The orthonormal DCT-II of every tile, in place of the tile. Shape, type and memory format do
        not change.
    """
    block = block_of(pixels)
    return pixels if block == 1 else _on_tiles(pixels, pixels.new_tensor(_MATRICES[block]))


def inverse_block_dct(maps: Tensor) -> Tensor:
    """Transform maps [..., H, W] in the JPEG domain to pixels; inverts `block_dct`."""
    block = block_of(maps)
    return maps if block == 1 else _on_tiles(maps, maps.new_tensor(_MATRICES[block]).T)


def keep_band(maps: Tensor, frequencies: int) -> Tensor:
    """Set the coefficients of high frequencies to zero.

    Args:
        maps: [..., H, W] in the JPEG domain.
        frequencies: number of kept frequencies u + v of an 8x8 tile, 1 to 15. For tiles of another
            size the number is converted by `resolve`.
    """
    block = block_of(maps)
    count = resolve(frequencies, block)
    if count == full(block):
        return maps
    height, width = maps.shape[-2:]
    tile = maps.new_tensor(_BANDS[block, count])
    return maps * tile.repeat(height // block, width // block)


def low_frequencies(pixels: Tensor, frequencies: int) -> Tensor:
    """Return pixels [..., H, W] from few frequencies of their tiles; arguments as `keep_band`."""
    block = block_of(pixels)
    if resolve(frequencies, block) == full(block):
        return pixels
    return inverse_block_dct(keep_band(block_dct(pixels), frequencies))


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
    if block == 1:
        return maps + values
    height, width = maps.shape[-2:]
    tile = maps.new_zeros(block, block)
    tile[0, 0] = block
    return maps + values * tile.repeat(height // block, width // block)


def _on_tiles(maps: Tensor, matrix: Tensor) -> Tensor:
    """Compute M X M^T for every tile X of maps [..., H, W], in their memory format.

    Matrix products round to the type of the maps: under autocast, float32 maps stay float32.
    """
    with torch.autocast(maps.device.type, enabled=False):
        block, (height, width) = len(matrix), maps.shape[-2:]
        if _is_channels_last(maps):
            batch, channels = maps.shape[:2]
            last = maps.permute(0, 2, 3, 1)
            columns = matrix @ last.reshape(-1, block, width * channels)
            tiles = matrix @ columns.reshape(-1, block, channels)
            return tiles.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
        rows = maps.reshape(-1, block) @ matrix.T
        return (matrix @ rows.reshape(-1, block, width)).reshape(maps.shape)


def _is_channels_last(maps: Tensor) -> bool:
    return maps.dim() == 4 and maps.shape[1] > 1 and maps.stride(1) == 1
