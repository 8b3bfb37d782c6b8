"""Matrices of shape 64 x 64 with which GPU kernels transform tiles.

Let K be the two-dimensional DCT of a tile as an orthonormal matrix [T, T], T = b * b. A kernel
multiplies 64 rows of a map, which are 64 / T whole tiles, by kron(I, M) with one of these M:

    forward    rows of K, kept frequencies first      pixels to coefficients
    inverse    transpose of forward                   coefficients to pixels
    project    K^T B K, B = 1 on the band, else 0     pixels to pixels of the band only
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jpegcompile.byte_cache import cached
from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.dct.frequencies import band
from jpegcompile.gpu.layout import MapLayout

TILE_ROWS = 64
Transform = Literal["forward", "inverse", "project"]


@dataclass(frozen=True)
class TileMatrix:
    """Description of a matrix; see the module's docstring.

    Attributes:
        transform: transform of each tile.
        block: block size, 1, 2, 4 or 8.
        frequencies: the band u + v < `frequencies` that is kept, or that "inverse" reads.
        in_rows: whether the coefficients of the band are contiguous, row by row, instead of at
            their positions in the tile.
    """

    transform: Transform
    block: int
    frequencies: int
    in_rows: bool = False

    @classmethod
    def to_pixels(cls, layout: MapLayout) -> TileMatrix | None:
        """Return the transform from a stored map to pixels; None if pixels are stored."""
        if not layout.is_rows or layout.block == 1:
            return None
        return cls("inverse", layout.block, layout.frequencies, True)

    @classmethod
    def from_pixels(cls, layout: MapLayout) -> TileMatrix | None:
        """Return the transform from pixels to a stored map; None if they are stored unchanged."""
        if layout.block == 1 or not (layout.is_rows or layout.is_truncated):
            return None
        kind: Transform = "forward" if layout.is_rows else "project"
        return cls(kind, layout.block, layout.frequencies, layout.is_rows)

    def values(self) -> NDArray[np.float64]:
        """Return the read-only matrix [64, 64]."""
        return _values(self)


@cached(1 << 22)
def _values(matrix: TileMatrix) -> NDArray[np.float64]:
    kept = band(matrix.block, matrix.frequencies).reshape(-1)
    axis = dct_matrix(matrix.block)
    whole = np.kron(axis, axis)
    if matrix.transform == "project":
        tile = whole.T @ (whole * kept[:, None])
    else:
        tile = np.zeros_like(whole)
        tile[slice(int(kept.sum())) if matrix.in_rows else kept] = whole[kept]
        tile = tile if matrix.transform == "forward" else tile.T
    # Kernels read the matrix in C order, but `kron` keeps the order of a transposed tile.
    values = np.ascontiguousarray(np.kron(np.eye(TILE_ROWS // len(tile)), tile))
    values.setflags(write=False)
    return values
