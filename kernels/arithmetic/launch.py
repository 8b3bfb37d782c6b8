"""Launches of functions of one or two maps on GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.gpu.launch import Launch, Tiling, programs, storage_type
from jpegcompile.gpu.layout import NO_VIEW, MapLayout, log2_of, padded
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.precision import Precision


@dataclass(frozen=True)
class Elementwise:
    """A function of each element of a map, or of two maps.

    Attributes:
        x: the input map.
        y: the output map.
        program: the function; without steps, y is x in another layout.
        other: a second map of the size of x, or None.
        other_is_shared: whether `other` has one image, which is used for all images of x.
        vector: the layout of a 1x1 map with one number per channel, or None.
        phi: number of frequencies of the approximation that the program reads; 0 for none.
        is_linear: whether the program is linear, so that it can also run on coefficients. Its
            second value is then a map of ones.
    """

    x: MapLayout
    y: MapLayout
    program: Program = NOTHING
    other: MapLayout | None = None
    other_is_shared: bool = False
    vector: MapLayout | None = None
    phi: int = 0
    is_linear: bool = False

    @property
    def is_on_coefficients(self) -> bool:
        """Whether the program is applied to coefficients, without a transform."""
        maps = [m for m in (self.x, self.other, self.y) if m is not None]
        same = {m.frequencies for m in maps}
        return self.is_linear and all(m.is_rows for m in maps) and len(same) == 1

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """Transforms that the kernel needs, by argument name."""
        if self.is_on_coefficients:
            return {}
        found = {
            "inverse": TileMatrix.to_pixels(self.x),
            "other_inverse": None if self.other is None else TileMatrix.to_pixels(self.other),
            "approximated": TileMatrix("project", self.x.block, self.phi) if self.phi else None,
            "forward": TileMatrix.from_pixels(self.y),
        }
        return {name: matrix for name, matrix in found.items() if matrix is not None}

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that spills no registers on any GPU."""
        del precision
        return Tiling(64, 32, 16, 8, 1)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
        kind = storage_type(precision)
        types = dict.fromkeys(["x", *self.matrices, "y"], kind)
        if self.other is not None:
            types["other"] = kind
        if self.vector is not None:
            types["vector"] = kind
        if self.program.constants:
            types["constants"] = "fp32"
        rows, channels = batch * self.y.height * self.y.width, padded(self.y.channels)
        tiles_y, tiles_x = self.y.tiles
        other = NO_VIEW if self.other is None else self.other.view
        numbers = {
            "rows": rows,
            "channels": channels,
            "log_block": log2_of(self.y.block),
            "tiles_y": tiles_y,
            "tiles_x": tiles_x,
            "vector_image": 0 if self.vector is None else self.vector.elements,
            **self.x.view.numbers("x"),
            **other.numbers("other"),
            **self.y.view.numbers("y"),
        }
        if self.other_is_shared:
            numbers["other_image"] = 0
        matrices = self.matrices
        constants = {
            "PROGRAM": self.program.steps,
            "COUNT": self.program.constants,
            "X_ROWS": self.x.is_rows,
            "X_MIXED": "inverse" in matrices,
            "OTHER": self.other is not None,
            "OTHER_ROWS": self.other is not None and self.other.is_rows,
            "OTHER_MIXED": "other_inverse" in matrices,
            "OTHER_CHANNEL": self.other is not None and self.other.channels < self.x.channels,
            "VECTOR": self.vector is not None,
            "APPROXIMATE": "approximated" in matrices,
            "ONES": self.is_linear,
            "ON_DC": self.is_on_coefficients,
            "Y_ROWS": self.y.is_rows,
            "Y_MIXED": "forward" in matrices,
            "BM": tiling.rows,
            "BN": tiling.channels,
            "PRECISION": precision.product,
        }
        grid = programs(rows, channels, tiling)
        return Launch("arithmetic.triton:elementwise", grid, types, numbers, constants, tiling)
