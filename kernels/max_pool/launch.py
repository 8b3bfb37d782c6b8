"""Launches of max pooling on GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.gpu.launch import Launch, Tiling, programs, storage_type
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.kernels.common.epilogue import (
    Epilogue,
    require_channels,
    require_pixels,
    require_single_pixel,
)
from jpegcompile.precision import Precision

Pair = tuple[int, int]


@dataclass(frozen=True)
class MaxPool:
    """Max pooling with its epilogue.

    Attributes:
        x: the input map, pixels.
        y: the output map.
        kernel: height and width of the window; no window may contain only padding.
        strides, dilations: as for ONNX MaxPool.
        pads: padding above and left of x; the rest follows from the size of y.
        is_asm: whether a second map `low`, with the layout of x, determines the positions.
        program: the per-pixel function applied to the maximum.
        phi: number of frequencies of the approximation that the program reads; 0 for none.
    """

    x: MapLayout
    y: MapLayout
    kernel: Pair
    strides: Pair = (1, 1)
    pads: Pair = (0, 0)
    dilations: Pair = (1, 1)
    is_asm: bool = False
    program: Program = NOTHING
    phi: int = 0

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel supports them.
        """
        require_pixels("max_pool", self.x)
        require_channels("max_pool", self.y, self.x.channels)

    @property
    def epilogue(self) -> Epilogue:
        """The epilogue after the maximum."""
        return Epilogue(self.y, self.program, self.phi)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """Transforms that the kernel needs, by argument name."""
        return self.epilogue.matrices

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that needs no stack on sm_80, sm_90 and sm_100."""
        return self.epilogue.default_tiling(precision)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
        epilogue, kind = self.epilogue, storage_type(precision)
        maps = ("x", "low") if self.is_asm else ("x",)
        numbers = {
            **epilogue.numbers(batch),
            **self.x.view.numbers("x"),
            "height": self.x.height,
            "width": self.x.width,
        }
        for name, values in (
            ("kernel", self.kernel),
            ("stride", self.strides),
            ("pad", self.pads),
            ("dilation", self.dilations),
        ):
            numbers[f"{name}_h"], numbers[f"{name}_w"] = values
        return Launch(
            "max_pool.triton:max_pool",
            programs(numbers["rows"], numbers["channels"], tiling),
            dict.fromkeys(maps, kind) | epilogue.pointers(kind),
            numbers,
            epilogue.constants(precision, tiling) | {"ASM": self.is_asm},
            tiling,
        )


@dataclass(frozen=True)
class GlobalMaxPool:
    """The largest pixel of each channel.

    Attributes:
        x: the input map, pixels.
        y: the output map, 1x1.
        program: the function applied to each maximum.
    """

    x: MapLayout
    y: MapLayout
    program: Program = NOTHING

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel supports them.
        """
        require_pixels("global_max_pool", self.x)
        require_single_pixel("global_max_pool", self.y)
        require_channels("global_max_pool", self.y, self.x.channels)

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
        }
        return Launch(
            "max_pool.triton:global_max_pool",
            (batch, -(-channels // tiling.channels), 1),
            {"x": kind} | epilogue.pointers(kind),
            numbers,
            epilogue.constants(precision, tiling),
            tiling,
        )
