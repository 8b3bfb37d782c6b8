"""How group normalisation is launched on GPUs: three kernels, one after another."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.gpu.kernel import Step
from jpegcompile.gpu.launch import Launch, Tiling, programs, storage_type
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.kernels.common.epilogue import (
    Epilogue,
    require_channels,
    require_pixels,
    require_same_plane,
)
from jpegcompile.precision import Precision

# Moments that a program of `group_moments` merges at once, and how.
MERGING = Tiling(channels=1024, warps=4)


@dataclass(frozen=True)
class GroupNormalization:
    """A group normalisation with everything that follows it up to the next map.

    `channel_moments` reads x and makes `part_shape`, which `group_moments` reads as `moments`;
    what it makes, `moment_shape`, `launch` reads as `moments`. Both are float32.

    Attributes:
        x: the map that is read, pixels.
        y: the map that is made.
        groups: of channels; as many as channels are instance normalisation.
        program: the function of each pixel behind the normalisation.
        phi: frequencies of the approximation that the program reads; 0 if it reads none.
    """

    x: MapLayout
    y: MapLayout
    groups: int
    program: Program = NOTHING
    phi: int = 0

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel takes them.
        """
        require_pixels("group_normalization", self.x)
        require_channels("group_normalization", self.y, self.x.channels)
        require_same_plane("group_normalization", self.x, self.y)
        if self.x.channels % self.groups:
            raise ValueError(
                f"group_normalization: x has {self.x.channels} channels; "
                f"the number of groups, {self.groups}, must divide them"
            )

    @property
    def epilogue(self) -> Epilogue:
        """What follows the normalisation."""
        return Epilogue(self.y, self.program, self.phi)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """The transforms that it needs, by argument."""
        return self.epilogue.matrices

    def default_tiling(self, precision: Precision) -> Tiling:
        """A tiling of `launch` that needs no stack on sm_80, sm_90 and sm_100."""
        return self.epilogue.default_tiling(precision)

    def moments_tiling(self, precision: Precision) -> Tiling:
        """A tiling of `channel_moments` that needs no stack; `rows` are pixels of a part."""
        return Tiling(128, 32, warps=4)

    def parts(self, tiling: Tiling) -> int:
        """How many parts of an image have moments of their own."""
        return -(-self.x.height * self.x.width // tiling.rows)

    def part_shape(self, batch: int, tiling: Tiling) -> tuple[int, int, int, int]:
        """What `channel_moments` makes: of each part means, then sums of squared distances."""
        return batch, self.parts(tiling), 2, padded(self.x.channels)

    def moment_shape(self, batch: int) -> tuple[int, int, int]:
        """What `group_moments` makes: of each image means, then factors."""
        return batch, 2, padded(self.x.channels)

    def steps(self, batch: int, precision: Precision, tiling: Tiling) -> tuple[Step, ...]:
        """The three launches; see `KernelInSteps`."""
        parts = self.moments_tiling(precision)
        return (
            Step(
                self.channel_moments(batch, precision, parts),
                "parts",
                self.part_shape(batch, parts),
            ),
            Step(
                self.group_moments(batch, parts),
                "moments",
                self.moment_shape(batch),
                {"moments": "parts"},
            ),
            Step(
                self.launch(batch, precision, tiling),
                "y",
                (batch, *self.y.shape),
                {"moments": "moments"},
            ),
        )

    def channel_moments(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """The launch that takes moments of each channel over each part of `batch` images."""
        channels = padded(self.x.channels)
        return Launch(
            "group_normalization.triton:channel_moments",
            (batch * self.parts(tiling), -(-channels // tiling.channels), 1),
            {"x": storage_type(precision), "y": "fp32"},
            self.x.view.numbers("x")
            | {
                "channels": channels,
                "height": self.x.height,
                "width": self.x.width,
                "parts": self.parts(tiling),
            },
            {"BM": tiling.rows, "BN": tiling.channels},
            tiling,
        )

    def group_moments(self, batch: int, tiling: Tiling) -> Launch:
        """The launch that merges moments; `tiling` is that of `channel_moments`."""
        return Launch(
            "group_normalization.triton:group_moments",
            (batch * self.groups, 1, 1),
            dict.fromkeys(("moments", "scale", "epsilon", "y"), "fp32"),
            {
                "channels": padded(self.x.channels),
                "groups": self.groups,
                "group_size": self.x.channels // self.groups,
                "pixels": self.x.height * self.x.width,
                "parts": self.parts(tiling),
                "part_size": tiling.rows,
            },
            {"BN": MERGING.channels},
            MERGING,
        )

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """The launch that normalises `batch` images."""
        epilogue, kind = self.epilogue, storage_type(precision)
        numbers = {
            **epilogue.numbers(batch),
            **self.x.view.numbers("x"),
            "true_channels": self.x.channels,
        }
        types = {"x": kind, "moments": "fp32", "shift": "fp32"}
        return Launch(
            "group_normalization.triton:normalize",
            programs(numbers["rows"], numbers["channels"], tiling),
            types | epilogue.pointers(kind),
            numbers,
            epilogue.constants(precision, tiling),
            tiling,
        )
