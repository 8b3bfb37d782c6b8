"""NumPy reference of JpegTruncate: coefficients with u + v >= n become zero.

Also defines the compact layout of truncated maps between native kernels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float
from jpegcompile.dct.frequencies import band, full, keep_band
from jpegcompile.interface import CHANNEL_GROUP


def jpeg_truncate(x: NDArray[Float], *, block: int, frequencies: int) -> NDArray[Float]:
    """Keep only the low frequencies of a JPEG-domain map.

    Args:
        x: [N, C, H, W] with block size `block`.
        block: block size of x and of the result.
        frequencies: number of frequencies to keep, 1 to 2 * block - 1.

    Returns:
        [N, C, H, W] with block size `block`.
    """
    return keep_band(x, block, frequencies)


def compacted(x: NDArray[Float], *, block: int, frequencies: int) -> NDArray[Float]:
    """Convert a truncated map to the compact layout, where tiles store only K coefficients.

    Args:
        x: [N, C, H, W] with block size `block`; C is a multiple of 16.
        block: block size of x.
        frequencies: number of frequencies of x, 1 to 2 * block - 1.

    Returns:
        [N, C / 16, tiles, K, 16] at the start of an array of the shape of x, followed by NaNs. With
        all frequencies, [N, C / 16, H, W, 16] in an array of the shape of x.
    """
    tiles = _tiles(x, block)
    if frequencies == full(block):
        return tiles.transpose(0, 1, 2, 4, 3, 5, 6).reshape(x.shape)
    inside = tiles[..., band(block, frequencies), :]
    result = np.full(x.size, np.nan, x.dtype)
    result[: inside.size] = inside.ravel()
    return result.reshape(x.shape)


def from_compacted(x: NDArray[Float], *, block: int, frequencies: int) -> NDArray[Float]:
    """Convert the compact layout to [N, C, H, W]; the inverse of `compacted`."""
    batch, channels, height, width = x.shape
    rows, columns = height // block, width // block
    groups = channels // CHANNEL_GROUP
    if frequencies == full(block):
        apart = x.reshape(batch, groups, rows, block, columns, block, CHANNEL_GROUP)
        tiles = apart.transpose(0, 1, 2, 4, 3, 5, 6)
    else:
        tiles = np.zeros((batch, groups, rows, columns, block, block, CHANNEL_GROUP), x.dtype)
        mask = band(block, frequencies)
        inside = tiles[..., mask, :]
        tiles[..., mask, :] = x.ravel()[: inside.size].reshape(inside.shape)
    return np.ascontiguousarray(tiles.transpose(0, 1, 6, 2, 4, 3, 5).reshape(x.shape))


def _tiles(x: NDArray[Float], block: int) -> NDArray[Float]:
    """Return [N, C, H, W] as [N, C / 16, H / b, W / b, b, b, 16]."""
    batch, channels, height, width = x.shape
    groups = (batch, channels // CHANNEL_GROUP, CHANNEL_GROUP)
    apart = x.reshape(*groups, height // block, block, width // block, block)
    return apart.transpose(0, 1, 3, 5, 4, 6, 2)
