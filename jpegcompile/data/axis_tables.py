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


@dataclass(frozen=True)
class AxisKey:
    """What determines the matrix of an axis; the fields are the arguments of `axis_operator`."""

    axis: AxisPlacement
    true_size: int
    factor: int
    triangle: bool
    block: int


@dataclass(frozen=True, eq=False)
class AxisMatrix:
    """The matrix of an axis on the blocks that it reads.

    Attributes:
        values: float32 [outputs, 8*blocks].
        first: first block that it reads.
        mean: float64 [8*blocks], the map from coefficients to the mean of the outputs' pixels.
    """

    values: NDArray[np.float32]
    first: int
    mean: NDArray[np.float64]

    @property
    def blocks(self) -> slice:
        """The blocks that the matrix reads."""
        return slice(self.first, self.first + self.values.shape[1] // 8)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.values.nbytes + self.mean.nbytes


@cached(_MATRIX_BYTES)
def axis_matrix(key: AxisKey) -> AxisMatrix:
    """Return the matrix of an axis."""
    operator = axis_operator(key.axis, key.true_size, key.factor, key.triangle, key.block)
    dense = operator.dense()
    used = np.flatnonzero(dense.reshape(len(dense), -1, 8).any(axis=(0, 2)))
    # A crop may show only the fill. Then one block has a matrix of zeros.
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
    values = dense[:, 8 * first : 8 * (last + 1)]
    # The DC coefficient of a tile is the sum of its pixels / sqrt(block).
    mean = values[:: key.block].sum(axis=0) * (np.sqrt(key.block) / len(dense))
    return AxisMatrix(values.astype(np.float32), first, mean)


def component_keys(
    frame: Frame, placement: Placement, component: int, block: int
) -> tuple[AxisKey, AxisKey]:
    """Return the keys of rows and columns of the network's input for a component of a file.

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
        AxisKey(axis, true_size, factor, upsampling.triangle and factor == 2, block)
        for axis, true_size, factor in zip(
            (placement.rows, placement.columns), sizes, factors, strict=True
        )
    )
    return rows, columns


class AxisTable:
    """The distinct matrices of one axis of a batch."""

    def __init__(self) -> None:
        """Create an empty table."""
        self._places: dict[AxisKey | None, int] = {}
        self._index: list[int] = []

    def add(self, key: AxisKey | None) -> None:
        """Add an image; None stands for a matrix of zeros."""
        self._index.append(self._places.setdefault(key, len(self._places)))

    @property
    def index(self) -> NDArray[np.int64]:
        """Row of each image in `rows`, [N]."""
        return np.asarray(self._index, np.int64)

    def rows(self, outputs: int) -> NDArray[np.float32]:
        """Return the matrices [U, outputs, inputs], padded with columns of zeros.

        Args:
            outputs: length of the axis in the network's input.
        """
        return self._padded(outputs, [key and axis_matrix(key).values for key in self._places])

    def columns(self, outputs: int) -> NDArray[np.float32]:
        """Return the transposed matrices [U, inputs, outputs]; see `rows`."""
        return np.ascontiguousarray(self.rows(outputs).swapaxes(1, 2))

    def _padded(
        self, outputs: int, matrices: Sequence[NDArray[np.float32] | None]
    ) -> NDArray[np.float32]:
        # A batch without images, or of gray files only, still has whole blocks.
        inputs = max((m.shape[1] for m in matrices if m is not None), default=8)
        made = np.zeros((len(matrices), outputs, inputs), np.float32)
        for row, matrix in zip(made, matrices, strict=True):
            if matrix is not None:
                row[:, : matrix.shape[1]] = matrix
        return made
