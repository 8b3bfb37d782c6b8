"""Banded linear operators of an axis: nearby outputs read nearby inputs.

Eight outputs form a tile. Each tile has a small matrix and the index of the first input that it
reads. Memory and work grow linearly with the size of an axis, not quadratically as for a dense
matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

TILE = 8
# Up to this axis size, one product with the dense matrix is faster than many small products.
_SMALL = 64
# Largest rounding error of entries of an identity matrix.
_ROUNDING = 1e-15


@dataclass(frozen=True, eq=False)
class BandedOperator:
    """A matrix [outputs, inputs] whose nonzero entries are near its diagonal.

    Attributes:
        values: float64 [tiles, TILE, reach]; rows after the last output are zero.
        starts: int64 [tiles], the first input of each tile; it reads `reach` of them.
        outputs, inputs: sizes of the axis after and before the operator.
        is_identity: whether the matrix is the identity except for rounding, and can be skipped.
    """

    values: NDArray[np.float64]
    starts: NDArray[np.int64]
    outputs: int
    inputs: int
    is_identity: bool = field(init=False)
    _matrix: NDArray[np.float64] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Choose the fastest way to apply the operator."""
        is_identity = self.values.shape[2] == TILE and self.outputs == self.inputs
        if is_identity:
            is_identity = bool(np.abs(self.values - np.eye(TILE)).max() <= _ROUNDING)
        is_small = max(self.outputs, self.inputs) <= _SMALL and not is_identity
        object.__setattr__(self, "is_identity", is_identity)
        object.__setattr__(self, "_matrix", self.dense() if is_small else None)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        dense = 0 if self._matrix is None else self._matrix.nbytes
        return self.values.nbytes + self.starts.nbytes + dense

    def dense(self) -> NDArray[np.float64]:
        """Return the dense matrix [outputs, inputs]."""
        tiles, _, reach = self.values.shape
        matrix = np.zeros((tiles, TILE, self.inputs))
        reads = self.starts[:, None] + np.arange(reach)
        np.put_along_axis(matrix, reads[:, None, :], self.values, axis=2)
        return matrix.reshape(-1, self.inputs)[: self.outputs]

    def rows(self, planes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return M X [..., outputs, columns] for every plane X of [..., inputs, columns]."""
        if self.is_identity:
            return planes
        if self._matrix is not None:
            return np.asarray(self._matrix @ planes)
        *lead, _, columns = planes.shape
        result = np.empty((*lead, len(self.values) * TILE, columns))
        for matrix, read, made in self._tiles():
            np.matmul(matrix, planes[..., read, :], out=result[..., made, :])
        return result[..., : self.outputs, :]

    def columns(self, planes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return X M^T [..., rows, outputs] for every plane X of [..., rows, inputs]."""
        if self.is_identity:
            return planes
        if self._matrix is not None:
            return np.asarray(planes @ self._matrix.T)
        *lead, rows, _ = planes.shape
        result = np.empty((*lead, rows, len(self.values) * TILE))
        for matrix, read, made in self._tiles():
            np.matmul(planes[..., read], matrix.T, out=result[..., made])
        return result[..., : self.outputs]

    def _tiles(self) -> Iterator[tuple[NDArray[np.float64], slice, slice]]:
        """Yield the matrix of each tile, the inputs that it reads, and the outputs it computes."""
        reach = self.values.shape[2]
        for index, start in enumerate(self.starts.tolist()):
            made = slice(index * TILE, (index + 1) * TILE)
            yield self.values[index], slice(start, start + reach), made
