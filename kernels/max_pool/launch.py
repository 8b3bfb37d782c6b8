"""How max pooling is launched on GPUs."""

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
    """Max pooling with everything that follows it up to the next map.

    Attributes:
        x: the map that is read, pixels.
        y: the map that is made.
        kernel: height and width of the window; no window may lie in the padding alone.
        strides, dilations: as for ONNX MaxPool.
        pads: padding above and before x; those behind follow from the size of y.
        is_asm: whether a second map `low`, in memory like x, decides the positions.
        program: the function of each pixel behind the maximum.
        phi: frequencies of the approximation that the program reads; 0 if it reads none.
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
            ValueError: if no kernel takes them.
        """
        require_pixels("max_pool", self.x)
        require_channels("max_pool", self.y, self.x.channels)

    @property
    def epilogue(self) -> Epilogue:
        """What follows the maximum."""
        return Epilogue(self.y, self.program, self.phi)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """The transforms that it needs, by argument."""
        return self.epilogue.matrices

    def default_tiling(self, precision: Precision) -> Tiling:
        """A tiling that needs no stack on sm_80, sm_90 and sm_100."""
        return self.epilogue.default_tiling(precision)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """The launch for `batch` images."""
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
        x: the map that is read, pixels.
        y: the map that is made, 1x1.
        program: the function of each maximum.
    """

    x: MapLayout
    y: MapLayout
    program: Program = NOTHING

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel takes them.
        """
        require_pixels("global_max_pool", self.x)
        require_single_pixel("global_max_pool", self.y)
        require_channels("global_max_pool", self.y, self.x.channels)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """None: a single pixel is its own coefficient."""
        return {}

    def default_tiling(self, precision: Precision) -> Tiling:
        """A tiling that needs no stack on sm_80, sm_90 and sm_100, at every precision."""
        return Tiling(64, 32, warps=4)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """The launch for `batch` images."""
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
