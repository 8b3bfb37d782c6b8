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
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.jpeg.frame import Frame
from jpegcompile.preprocessing.geometry import AxisPlacement, Placement

# Memory limit of cached matrices.
_MATRIX_BYTES = 1 << 26


@dataclass(frozen=True, eq=False)
class AxisMatrix:
    """The matrix of an axis on the blocks that it reads.

    Attributes:
        values: float32 [outputs, 8*blocks].
        blocks: the blocks that it reads.
    """

    values: NDArray[np.float32]
    blocks: slice

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.values.nbytes


@cached(_MATRIX_BYTES)
def axis_matrix(
    axis: AxisPlacement, true_size: int, factor: int, triangle: bool, block: int
) -> AxisMatrix:
    """Return the matrix of an axis; the arguments are as for `axis_operator`."""
    dense = axis_operator(axis, true_size, factor, triangle, block).dense()
    used = np.flatnonzero(dense.reshape(len(dense), -1, 8).any(axis=(0, 2)))
    # A crop may show only the fill. Then one block has a matrix of zeros.
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
    values = dense[:, 8 * first : 8 * (last + 1)]
    return AxisMatrix(values.astype(np.float32), slice(first, last + 1))


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
        return max((m.values.shape[1] // 8 for m in self._distinct if m is not None), default=1)

    def rows(self, outputs: int) -> NDArray[np.float32]:
        """Return the matrices [U, outputs, 8*blocks], padded with columns of zeros.

        Args:
            outputs: length of the axis in the network's input.
        """
        made = np.zeros((len(self._distinct), outputs, 8 * self.blocks), np.float32)
        for row, matrix in zip(made, self._distinct, strict=True):
            if matrix is not None:
                row[:, : matrix.values.shape[1]] = matrix.values
        return made

    def columns(self, outputs: int) -> NDArray[np.float32]:
        """Return the transposed matrices [U, 8*blocks, outputs]; see `rows`."""
        return np.ascontiguousarray(self.rows(outputs).swapaxes(1, 2))
