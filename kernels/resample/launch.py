"""Launches of separable linear operators on GPUs, and the tables that their kernel reads."""

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
    """A separable linear operator with its epilogue.

    Attributes:
        x: input map, in pixels.
        y: output map.
        reach: widths of the bands of both matrices, see `banded`.
        program: per-pixel function after the operator.
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
            ValueError: if no kernel supports them.
        """
        require_pixels("resample", self.x)
        require_channels("resample", self.y, self.x.channels)

    @property
    def epilogue(self) -> Epilogue:
        """The epilogue of the operator."""
        return Epilogue(self.y, self.program, self.phi)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """The transforms that the kernel reads, by argument."""
        return self.epilogue.matrices

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that needs no stack on sm_80, sm_90 and sm_100."""
        if self.matrices and precision.storage != "float32":
            return Tiling(64, 64, warps=8)
        return self.epilogue.default_tiling(precision)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
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
    """Return the band of nonzeros of each row of a matrix [P, H], as the kernel reads it.

    Returns:
        Weights [P, reach] and starts [P]. Row p has weights[p, i] at column starts[p] + i. `reach`
        is equal for all rows and at least 1. Bands end at column H or before.
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
    """Return the tables that the kernel reads, by argument, and the reach.

    Args:
        rows: matrix on pixels [P, H].
        columns: matrix on pixels [Q, W].
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
    """Return the matrix R [P, H] on pixels for the matrix M = D_P R D_H^T of a compiled graph.

    D is the block DCT of an axis. Entries of R that only result from the rounding of M are set to
    zero, so that the bands of R stay narrow. Such an entry is at most the sum of two bounds, where
    |A| contains the absolute values of A:

        u |D_P|^T |M| |D_H|                         M was rounded to its type, with roundoff u
        40 v |D_P|^T |D_P| |R| |D_H|^T |D_H|        four products were summed in float64

    v is the roundoff of float64. Each product sums at most 8 terms, and multiplies by cosines that
    are exact to two roundoffs. An entry below the bound cannot be distinguished from zero.

    Args:
        composed: M [P, H] in the type of the graph: input `rows` of JpegResize and the like, or
            the transpose of `columns`.
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
