"""How separable linear operators are launched on GPUs, and the tables that they read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import axis_dct
from jpegcompile.gpu.launch import Launch, Tiling, programs, storage_type
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.kernels.common.epilogue import Epilogue, require_channels, require_pixels
from jpegcompile.precision import Precision

Pair = tuple[int, int]
TABLES = {
    "row_weights": "fp32",
    "row_starts": "i32",
    "column_weights": "fp32",
    "column_starts": "i32",
}


@dataclass(frozen=True)
class Resample:
    """A separable linear operator with everything that follows it up to the next map.

    Attributes:
        x: the map that is read, pixels.
        y: the map that is made.
        reach: the widths of the bands of both matrices, see `banded`.
        program: the function of each pixel behind the operator.
        phi: frequencies of the approximation that the program reads; 0 if it reads none.
    """

    x: MapLayout
    y: MapLayout
    reach: Pair
    program: Program = NOTHING
    phi: int = 0

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel takes them.
        """
        require_pixels("resample", self.x)
        require_channels("resample", self.y, self.x.channels)

    @property
    def epilogue(self) -> Epilogue:
        """What follows the operator."""
        return Epilogue(self.y, self.program, self.phi)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """The transforms that it needs, by argument."""
        return self.epilogue.matrices

    def default_tiling(self, precision: Precision) -> Tiling:
        """A tiling that needs no stack on sm_80, sm_90 and sm_100."""
        if self.matrices and precision.storage != "float32":
            return Tiling(64, 64, warps=8)
        return self.epilogue.default_tiling(precision)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """The launch for `batch` images."""
        epilogue, kind = self.epilogue, storage_type(precision)
        numbers = {
            **epilogue.numbers(batch),
            **self.x.view.numbers("x"),
            "reach_h": self.reach[0],
            "reach_w": self.reach[1],
        }
        return Launch(
            "resample.triton:resample",
            programs(numbers["rows"], numbers["channels"], tiling),
            {"x": kind} | TABLES | epilogue.pointers(kind),
            numbers,
            epilogue.constants(precision, tiling),
            tiling,
        )


def banded(matrix: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The band of nonzeros of each row of a matrix [P, H], as the kernel reads it.

    Returns:
        Weights [P, reach], and starts [P]: row p has weights[p, i] at column starts[p] + i. The
        reach is the same for all rows, at least 1, and no band goes beyond column H.
    """
    outputs, size = matrix.shape
    nonzeros = [np.flatnonzero(row) for row in matrix]
    ends = [(int(n[0]), int(n[-1]) + 1) if n.size else (0, 1) for n in nonzeros]
    reach = max(end - start for start, end in ends)
    starts = np.array([min(start, size - reach) for start, _ in ends], np.int32)
    weights = np.zeros((outputs, reach), np.float32)
    for output, start in enumerate(starts):
        weights[output] = matrix[output, start : start + reach]
    return weights, starts


def tables(rows: NDArray[Any], columns: NDArray[Any]) -> tuple[dict[str, NDArray[Any]], Pair]:
    """What the kernel reads besides maps, by argument, and the reach.

    Args:
        rows: on pixels [P, H].
        columns: on pixels [Q, W].
    """
    row_weights, row_starts = banded(rows)
    column_weights, column_starts = banded(columns)
    read: dict[str, NDArray[Any]] = {
        "row_weights": row_weights,
        "row_starts": row_starts,
        "column_weights": column_weights,
        "column_starts": column_starts,
    }
    return read, (row_weights.shape[1], column_weights.shape[1])


def pixel_matrix(
    composed: NDArray[Any], input_block: int, output_block: int
) -> NDArray[np.float64]:
    """The matrix R [P, H] on pixels of the matrix M = D_P R D_H^T that compiled graphs hold.

    D is the block DCT of an axis. Entries of R that rounding of M makes are set to zero, so that
    the bands of R stay narrow. They are at most the sum of two bounds, the matrices' absolute
    values being meant:

        u |D_P|^T |M| |D_H|                         M was rounded to its type, with roundoff u
        40 v |D_P|^T |D_P| |R| |D_H|^T |D_H|        four products were summed in float64

    v is the roundoff of float64; each product sums at most 8 terms and multiplies by cosines that
    are exact to two roundoffs. An entry below the bound may just as well be zero.

    Args:
        composed: M [P, H] in the type of the graph; of JpegResize and the like `rows`, or the
            transpose of `columns`.
        input_block: block size along H.
        output_block: block size along P.
    """
    outputs, size = composed.shape
    outer, inner = axis_dct(outputs, output_block), axis_dct(size, input_block)
    values = outer.T @ composed.astype(np.float64) @ inner
    double = np.finfo(np.float64).eps / 2
    rounding = np.finfo(composed.dtype).eps / 2
    bound = rounding * np.abs(outer).T @ np.abs(composed).astype(np.float64) @ np.abs(inner)
    spread_out, spread_in = (np.abs(d).T @ np.abs(d) for d in (outer, inner))
    bound += 40 * double * spread_out @ np.abs(values) @ spread_in
    return np.where(np.abs(values) <= bound, 0.0, values)
