"""Launches of reductions over channels on GPUs; `resample` launches reductions over the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jpegcompile.gpu.launch import Launch, Tiling, storage_type
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.kernels.common.epilogue import (
    Epilogue,
    require_channels,
    require_pixels,
    require_same_plane,
)
from jpegcompile.precision import Precision

Reduction = Literal["max", "min", "mean", "sum"]


@dataclass(frozen=True)
class ReduceChannels:
    """A reduction over channels with its epilogue.

    Attributes:
        x: input map, in pixels.
        y: output map, with one channel.
        reduction: the reduction.
        program: per-pixel function after the reduction.
        phi: frequencies of the approximation that the program reads; 0 if it reads none.
    """

    x: MapLayout
    y: MapLayout
    reduction: Reduction
    program: Program = NOTHING
    phi: int = 0

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel supports them.
        """
        require_pixels("reduce_channels", self.x)
        require_channels("reduce_channels", self.y, 1)
        require_same_plane("reduce_channels", self.x, self.y)

    @property
    def epilogue(self) -> Epilogue:
        """The epilogue of the reduction."""
        return Epilogue(self.y, self.program, self.phi)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """The transforms that the kernel reads, by argument."""
        return self.epilogue.matrices

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that needs no stack on sm_80, sm_90 and sm_100.

        `channels` of the tiling is the number of input channels that a step reads.
        """
        if self.matrices and precision.product == "tf32x3":
            return Tiling(64, 32, warps=4)
        return Tiling(64, 64, warps=8)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
        epilogue, kind = self.epilogue, storage_type(precision)
        numbers = {
            **epilogue.numbers(batch),
            **self.x.view.numbers("x"),
            "span": self.x.stored_channels,
            "true_channels": self.x.channels,
        }
        return Launch(
            "reduce.triton:reduce_channels",
            (-(-numbers["rows"] // tiling.rows), 1, 1),
            {"x": kind} | epilogue.pointers(kind),
            numbers,
            epilogue.constants(precision, tiling) | {"REDUCTION": self.reduction},
            tiling,
        )
