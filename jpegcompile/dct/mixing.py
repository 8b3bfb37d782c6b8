"""Three ways to apply a spatial mask to the coefficients of a tile, with different costs.

Harmonic mixing (Ehrlich and Davis, ICCV 2019, section 4.2) multiplies by one matrix,

    H(M) = (D x D) diag(M) (D x D)^T,

a symmetric matrix of order b^2. Masking between two transforms transforms to pixels and back.
Half-spatial masking transforms one axis only: each row of the tile is then mixed by D diag(m) D^T,
where m is the mask of that row. A table contains these matrices for all 2^b masks of a row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.byte_cache import cached
from jpegcompile.dct.blocks import Float, dct_matrix


def harmonic_mixing(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return H(M) [..., b * b, b * b] for masks [..., b, b]; tiles are in row-major order."""
    block = mask.shape[-1]
    basis = np.kron(dct_matrix(block), dct_matrix(block))
    pixels = mask.reshape(*mask.shape[:-2], 1, block * block)
    return np.asarray((basis * pixels) @ basis.T)


def mask_by_harmonic_mixing(tiles: NDArray[Float], mask: NDArray[np.bool_]) -> NDArray[Float]:
    """Mask tiles by harmonic mixing.

    Args:
        tiles: coefficients [..., b, b].
        mask: [..., b, b]; pixels where it is False become zero.

    Returns:
        Coefficients [..., b, b] of the masked tiles.
    """
    matrices = harmonic_mixing(mask).astype(tiles.dtype)
    vectors = tiles.reshape(*tiles.shape[:-2], -1, 1)
    return np.asarray((matrices @ vectors).reshape(tiles.shape))


def mask_between_transforms(tiles: NDArray[Float], mask: NDArray[np.bool_]) -> NDArray[Float]:
    """Mask like `mask_by_harmonic_mixing`, by an inverse and a forward transform of both axes."""
    basis = dct_matrix(tiles.shape[-1]).astype(tiles.dtype)
    pixels = basis.T @ tiles @ basis
    return np.asarray(basis @ np.where(mask, pixels, np.zeros_like(pixels)) @ basis.T)


@cached(1 << 18)
def row_mixers(block: int) -> NDArray[np.float64]:
    """Return [2^b, b, b]: D diag(m) D^T for each mask m of a row; bit j of the index is pixel j."""
    index = np.arange(2**block)
    bits = (index[:, None] >> np.arange(block)) & 1
    basis = dct_matrix(block)
    table = np.asarray((basis * bits[:, None, :]) @ basis.T)
    table.setflags(write=False)
    return table


def mask_half_spatially(tiles: NDArray[Float], mask: NDArray[np.bool_]) -> NDArray[Float]:
    """Mask like `mask_by_harmonic_mixing`, by transforms of one axis and a table for the other."""
    block = tiles.shape[-1]
    basis = dct_matrix(block).astype(tiles.dtype)
    half = basis.T @ tiles
    index = mask @ (1 << np.arange(block))
    mixers = row_mixers(block).astype(tiles.dtype)[index]
    # The mixers are symmetric, so multiplying row vectors from the left is the same.
    mixed = (half[..., None, :] @ mixers)[..., 0, :]
    return np.asarray(basis @ mixed)
