"""Launch arguments of the epilogue in `triton.py`, for kernels without a residual input."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout, log2_of, padded
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.precision import Precision


@dataclass(frozen=True)
class Epilogue:
    """The steps between the pixels that a kernel computes and its output map.

    Attributes:
        y: the output map.
        program: the per-pixel function.
        phi: number of frequencies of the approximation that the program reads; 0 for none.
    """

    y: MapLayout
    program: Program = NOTHING
    phi: int = 0

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """Transforms that the kernel needs, by argument name."""
        found = {
            "approximated": TileMatrix("project", self.y.block, self.phi) if self.phi else None,
            "forward": TileMatrix.from_pixels(self.y),
        }
        return {name: matrix for name, matrix in found.items() if matrix is not None}

    def pointers(self, kind: str) -> dict[str, str]:
        """Return the types of its pointers by argument name; `kind` is the type of maps."""
        types = dict.fromkeys([*self.matrices, "y"], kind)
        return types | {"constants": "fp32"} if self.program.constants else types

    def numbers(self, batch: int) -> dict[str, int]:
        """Return the integers that describe y, by argument name."""
        tiles_y, tiles_x = self.y.tiles
        return {
            "rows": batch * self.y.height * self.y.width,
            "channels": padded(self.y.channels),
            "log_block": log2_of(self.y.block),
            "tiles_y": tiles_y,
            "tiles_x": tiles_x,
            **self.y.view.numbers("y"),
        }

    def constants(self, precision: Precision, tiling: Tiling) -> dict[str, object]:
        """Return the constants of the compiled kernel."""
        matrices = self.matrices
        return {
            "PROGRAM": self.program.steps,
            "COUNT": self.program.constants,
            "APPROXIMATE": "approximated" in matrices,
            "Y_ROWS": self.y.is_rows,
            "Y_MIXED": "forward" in matrices,
            "BM": tiling.rows,
            "BN": tiling.channels,
            "PRECISION": precision.product,
        }

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that needs no stack on sm_80, sm_90 and sm_100 in kernels that only load.

        Float32 transforms need many registers per channel, and most without tensor cores.
        """
        if self.matrices and precision.storage == "float32":
            return Tiling(64, 16, warps=8 if precision.product == "ieee" else 4)
        return Tiling(64, 32, warps=4)


def require_pixels(kernel: str, x: MapLayout) -> None:
    """Check that the input map of a kernel is stored as pixels.

    Raises:
        ValueError: if the map is stored as coefficients, or with channels that are not padded.
    """
    if x.is_rows:
        raise ValueError(f"{kernel}: x is stored as coefficients; store it as pixels")
    if x.thin:
        raise ValueError(f"{kernel}: x has {x.thin} channels in memory; pad them to 16")


def require_single_pixel(kernel: str, y: MapLayout) -> None:
    """Check the output map of a reduction over height and width.

    Raises:
        ValueError: if the map is not a single pixel.
    """
    if (y.height, y.width) != (1, 1):
        raise ValueError(f"{kernel}: y is {y.height}x{y.width}; its layout must be 1x1")


def require_channels(kernel: str, y: MapLayout, channels: int) -> None:
    """Check the number of channels of the output map.

    Raises:
        ValueError: if the number is not `channels`.
    """
    if y.channels != channels:
        raise ValueError(f"{kernel}: y has {y.channels} channels; its layout must have {channels}")


def require_same_plane(kernel: str, x: MapLayout, y: MapLayout) -> None:
    """Check that the input and output maps have the same height and width.

    Raises:
        ValueError: if they differ.
    """
    if (x.height, x.width) != (y.height, y.width):
        raise ValueError(
            f"{kernel}: x is {x.height}x{x.width}, y is {y.height}x{y.width}; "
            "their layouts must have the same size"
        )
