"""Launches of SpaceToDepth and DepthToSpace on GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.gpu.launch import Launch, Tiling, programs, storage_type
from jpegcompile.gpu.layout import CHANNELS, MapLayout
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.kernels.common.epilogue import Epilogue, require_pixels
from jpegcompile.precision import Precision


@dataclass(frozen=True)
class Rearrange:
    """A SpaceToDepth or DepthToSpace with its epilogue.

    DepthToSpace reads channels in the order of ONNX's mode DCR. SpaceToDepth is its inverse.

    Attributes:
        x: input map, in pixels.
        y: output map.
        side: side of the square tiles of pixels that become channels, or result from channels.
        to_depth: whether pixels become channels; otherwise channels become pixels.
        program: per-pixel function after the exchange.
        phi: frequencies of the approximation that the program reads; 0 if it reads none.
    """

    x: MapLayout
    y: MapLayout
    side: int
    to_depth: bool
    program: Program = NOTHING
    phi: int = 0

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel supports them.
        """
        require_pixels(self.kernel, self.x)
        deep, flat = (self.y, self.x) if self.to_depth else (self.x, self.y)
        wanted = flat.channels, deep.height * self.side, deep.width * self.side
        if deep.channels != flat.channels * self.side**2 or wanted[1:] != (flat.height, flat.width):
            shapes = [f"{m.channels}x{m.height}x{m.width}" for m in (self.x, self.y)]
            raise ValueError(
                f"{self.kernel}: x is {shapes[0]}, y is {shapes[1]}; "
                f"their layouts must differ by tiles of {self.side}x{self.side} pixels"
            )

    @property
    def kernel(self) -> str:
        """The name of the kernel."""
        return "space_to_depth" if self.to_depth else "depth_to_space"

    @property
    def epilogue(self) -> Epilogue:
        """The epilogue of the exchange."""
        return Epilogue(self.y, self.program, self.phi)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """The transforms that the kernel reads, by argument."""
        return self.epilogue.matrices

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that needs no stack on sm_80, sm_90 and sm_100."""
        return self.epilogue.default_tiling(precision)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
        epilogue, kind = self.epilogue, storage_type(precision)
        channels = (self.x if self.to_depth else self.y).channels
        numbers = {
            **epilogue.numbers(batch),
            **self.x.view.numbers("x"),
            "side": self.side,
            "true_channels": channels,
        }
        return Launch(
            f"rearrange.triton:{self.kernel}",
            programs(numbers["rows"], numbers["channels"], tiling),
            {"x": kind} | epilogue.pointers(kind),
            numbers,
            epilogue.constants(precision, tiling) | {"ALIGNED": channels % CHANNELS == 0},
            tiling,
        )
