"""Launches of global average pooling on GPUs. `resample` launches windowed pooling."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.gpu.launch import Launch, Tiling, storage_type
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.kernels.common.epilogue import Epilogue, require_channels, require_single_pixel
from jpegcompile.precision import Precision


@dataclass(frozen=True)
class GlobalAveragePool:
    """The mean of each channel.

    The mean of a tile is its DC coefficient divided by the block size. So the kernel reads only the
    DC coefficients of a map in rows.

    Attributes:
        x: the input map, pixels or rows.
        y: the output map, 1x1.
        program: the function applied to each mean.
    """

    x: MapLayout
    y: MapLayout
    program: Program = NOTHING

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel supports them.
        """
        if self.x.thin:
            raise ValueError(
                f"global_average_pool: x has {self.x.thin} channels in memory; pad them to 16"
            )
        require_single_pixel("global_average_pool", self.y)
        require_channels("global_average_pool", self.y, self.x.channels)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """Empty: a single pixel is its own coefficient."""
        return {}

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that needs no stack on sm_80, sm_90 and sm_100, at every precision."""
        return Tiling(64, 32, warps=4)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
        epilogue, kind = Epilogue(self.y, self.program), storage_type(precision)
        channels = padded(self.y.channels)
        numbers = {
            **epilogue.numbers(batch),
            **self.x.view.numbers("x"),
            "height": self.x.height,
            "width": self.x.width,
            "divisor": self.x.height * self.x.width,
        }
        if self.x.is_rows:
            tiles_y, tiles_x = self.x.tiles
            tile = self.x.kept * self.x.stored_channels
            numbers |= {
                "height": tiles_y,
                "width": tiles_x,
                "divisor": tiles_y * tiles_x * self.x.block,
                "x_row": tiles_x * tile,
                "x_pixel": tile,
            }
        return Launch(
            "average_pool.triton:global_average_pool",
            (batch, -(-channels // tiling.channels), 1),
            {"x": kind} | epilogue.pointers(kind),
            numbers,
            epilogue.constants(precision, tiling),
            tiling,
        )
