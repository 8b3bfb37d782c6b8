"""The orthonormal block DCT of feature maps.

A map in the JPEG domain has the same shape as the spatial map. Each b x b tile X of the spatial map
is replaced by D X D^T, where D is the orthonormal DCT-II matrix of order b (ITU-T T.81, A.3.3,
without rounding). Frequency (u, v) of a tile is at row u, column v of the tile.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jpegcompile.byte_cache import cached

BLOCK_SIZES = (8, 4, 2, 1)
# Limit for dense transforms of axes. A network for 224x224 images needs 2 MB.
_AXIS_BYTES = 1 << 25

Float = TypeVar("Float", np.float32, np.float64)


def block_size(height: int, width: int) -> int:
    """Return the largest of 8, 4, 2 and 1 that divides both sides of a map."""
    return next(b for b in BLOCK_SIZES if height % b == 0 and width % b == 0)


@cached(1 << 16)
def dct_matrix(order: int) -> NDArray[np.float64]:
    """Return the orthonormal DCT-II matrix [order, order]; row u is the basis of frequency u."""
    sample = np.arange(order)
    frequency = sample[:, None]
    basis = np.cos((2 * sample + 1) * frequency * np.pi / (2 * order)) * np.sqrt(2 / order)
    basis[0] = np.sqrt(1 / order)
    basis.setflags(write=False)
    return np.asarray(basis, np.float64)


@cached(_AXIS_BYTES)
def axis_dct(size: int, block: int) -> NDArray[np.float64]:
    """Return the block-diagonal matrix [size, size] that transforms all tiles of an axis.

    Raises:
        ValueError: if `block` does not divide `size`.
    """
    if size % block:
        raise ValueError(f"block size {block} does not divide {size}")
    matrix = np.kron(np.eye(size // block), dct_matrix(block))
    matrix.setflags(write=False)
    return np.asarray(matrix, np.float64)


def to_jpeg(maps: NDArray[Float], block: int) -> NDArray[Float]:
    """Transform maps [..., H, W] to the JPEG domain; shape and precision do not change.

    Raises:
        ValueError: if `block` does not divide H and W.
    """
    return _on_tiles(maps, dct_matrix(block).astype(maps.dtype))


def to_spatial(maps: NDArray[Float], block: int) -> NDArray[Float]:
    """Transform maps [..., H, W] in the JPEG domain to the spatial domain; inverts `to_jpeg`.

    Raises:
        ValueError: if `block` does not divide H and W.
    """
    return _on_tiles(maps, dct_matrix(block).T.astype(maps.dtype))


def _on_tiles(maps: NDArray[Float], matrix: NDArray[Float]) -> NDArray[Float]:
    """Compute M X M^T for every tile X of maps [..., H, W] by two matrix products."""
    block = len(matrix)
    *lead, height, width = maps.shape
    if height % block or width % block:
        raise ValueError(f"block size {block} does not divide a map of {height}x{width}")
    columns = np.matmul(matrix, maps.reshape(*lead, height // block, block, width))
    tiles = np.matmul(columns.reshape(-1, block), matrix.T)
    return np.asarray(tiles.reshape(maps.shape), maps.dtype)


def dc_map(height: int, width: int, block: int) -> NDArray[np.float64]:
    """Return the block DCT [H, W] of a map of ones: `block` at every DC, zero elsewhere."""
    constant = np.zeros((height, width))
    constant[::block, ::block] = block
    return constant


def planes_in_place(blocks: NDArray[Float]) -> NDArray[Float]:
    """Rearrange blocks [..., rows, columns, 8, 8] into a map [..., rows*8, columns*8]."""
    *lead, rows, columns, high, wide = blocks.shape
    return np.swapaxes(blocks, -3, -2).reshape(*lead, rows * high, columns * wide)
