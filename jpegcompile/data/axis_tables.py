"""The distinct axis matrices of a batch, as tables with an index for each image.

Many images of a batch share their matrices, and matrices may have more bytes than coefficients. A
matrix covers only the blocks that an image's outputs depend on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.byte_cache import cached
from jpegcompile.dct.axis_operator import axis_operator
from jpegcompile.dct.banded import TILE
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.jpeg.frame import Frame, ceil_div
from jpegcompile.preprocessing.geometry import AxisPlacement, Placement

# Memory limit of cached matrices.
_MATRIX_BYTES = 1 << 26


@dataclass(frozen=True, eq=False)
class AxisMatrix:
    """The matrix of an axis on the blocks that it reads.

    Eight outputs read inputs that are next to each other; see `BandedOperator`.

    Attributes:
        bands: float32 [tiles, TILE, reach], the weights of the inputs that each tile reads.
        starts: int64 [tiles], the first input that each tile reads, of those of `blocks`.
        blocks: the blocks that it reads.
    """

    bands: NDArray[np.float32]
    starts: NDArray[np.int64]
    blocks: slice

    @property
    def inputs(self) -> int:
        """Number of coefficients that it reads."""
        return 8 * int(self.blocks.stop - self.blocks.start)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.bands.nbytes + self.starts.nbytes

    def fill(self, out: NDArray[np.float32]) -> None:
        """Write the matrix [outputs, inputs] into zeros [TILE * tiles, at least inputs]."""
        tiles = out.reshape(*self.bands.shape[:2], -1)
        reads = self.starts[:, None] + np.arange(self.bands.shape[2])
        np.put_along_axis(tiles, reads[:, None, :], self.bands, axis=2)


@cached(_MATRIX_BYTES)
def axis_matrix(
    axis: AxisPlacement, true_size: int, factor: int, triangle: bool, block: int
) -> AxisMatrix:
    """Return the matrix of an axis; the arguments are as for `axis_operator`."""
    operator = axis_operator(axis, true_size, factor, triangle, block)
    reach = operator.values.shape[2]
    reads = (operator.starts[:, None] + np.arange(reach))[operator.values.any(axis=1)]
    # A crop may show only the fill. Then one block has a matrix of zeros.
    first, last = (int(reads.min()) // 8, int(reads.max()) // 8) if len(reads) else (0, 0)
    inputs = 8 * (last + 1 - first)
    # Tiles may also read zeros before and after these blocks.
    starts = operator.starts - 8 * first
    kept = min(reach, inputs)
    moved = np.clip(starts, 0, inputs - kept)
    places = (moved - starts)[:, None, None] + np.arange(kept)
    values = np.take_along_axis(operator.values, places.clip(0, reach - 1), axis=2)
    bands = np.where((places >= 0) & (places < reach), values, 0.0).astype(np.float32)
    return AxisMatrix(bands, moved, slice(first, last + 1))


def component_matrices(
    frame: Frame, placement: Placement, component: int, block: int
) -> tuple[AxisMatrix, AxisMatrix]:
    """Return the matrices of rows and columns of the network's input for a component of a file.

    Args:
        frame: frame of the file.
        placement: placement of the image.
        component: index of the component.
        block: block size of the network's input; 1 for pixels.

    Raises:
        ImageError: if a sampling factor is not an integer.
    """
    upsampling = Upsampling.of(frame, component)
    sizes = frame.component_size(component)
    factors = (upsampling.vertical, upsampling.horizontal)
    if placement.is_transposed:
        sizes, factors = sizes[::-1], factors[::-1]
    rows, columns = (
        axis_matrix(axis, true_size, factor, upsampling.triangle and factor == 2, block)
        for axis, true_size, factor in zip(
            (placement.rows, placement.columns), sizes, factors, strict=True
        )
    )
    return rows, columns


class AxisTable:
    """The distinct matrices of one axis of a batch.

    Attributes:
        index: int64 [N], the place of each image's matrix in the table.
    """

    def __init__(self, matrices: Sequence[AxisMatrix | None]) -> None:
        """Create a table.

        Args:
            matrices: the matrix of each image; None for a matrix of zeros.
        """
        places: dict[int, int] = {}
        index = [places.setdefault(id(matrix), len(places)) for matrix in matrices]
        by_id = {id(matrix): matrix for matrix in matrices}
        self.index = np.asarray(index, np.int64)
        self._distinct = [by_id[one] for one in places]

    @property
    def blocks(self) -> int:
        """The largest number of blocks that an image needs, at least 1."""
        return max((m.inputs // 8 for m in self._distinct if m is not None), default=1)

    def rows(self, outputs: int) -> NDArray[np.float32]:
        """Return the matrices [U, outputs, 8*blocks], padded with columns of zeros.

        Args:
            outputs: length of the axis in the network's input.
        """
        tiles = ceil_div(outputs, TILE)
        made = np.zeros((len(self._distinct), tiles * TILE, 8 * self.blocks), np.float32)
        for out, matrix in zip(made, self._distinct, strict=True):
            if matrix is not None:
                matrix.fill(out)
        return made[:, :outputs]

    def columns(self, outputs: int) -> NDArray[np.float32]:
        """Return the transposed matrices [U, 8*blocks, outputs]; see `rows`."""
        return np.ascontiguousarray(self.rows(outputs).swapaxes(1, 2))

    def bands(self, outputs: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return `bands` [U, tiles, TILE, reach] and `starts` [U, tiles] of all matrices.

        Args:
            outputs: length of the axis in the network's input.
        """
        tiles, reach = (
            ceil_div(outputs, TILE),
            max((m.bands.shape[2] for m in self._distinct if m is not None), default=1),
        )
        bands = np.zeros((len(self._distinct), tiles, TILE, reach), np.float32)
        starts = np.zeros((len(self._distinct), tiles), np.int64)
        for place, matrix in enumerate(self._distinct):
            if matrix is not None:
                bands[place, :, :, : matrix.bands.shape[2]] = matrix.bands
                starts[place] = matrix.starts
        return bands, starts
