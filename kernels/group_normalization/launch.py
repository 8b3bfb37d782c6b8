"""Launches of group normalization on GPUs: three kernels, one after another."""

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

# Tiling of `group_moments`: the number of moments that a step merges.
MERGING = Tiling(channels=1024, warps=4)


@dataclass(frozen=True)
class GroupNormalization:
    """A group normalization with its epilogue.

    `channel_moments` reads x and writes an array of `part_shape`. `group_moments` reads this array
    as `moments` and writes an array of `moment_shape`, which `launch` reads as `moments`. Both
    arrays are float32.

    Attributes:
        x: the input map, pixels.
        y: the output map.
        groups: number of channel groups; one group per channel is instance normalization.
        program: the per-pixel function applied to the normalized pixels.
        phi: number of frequencies of the approximation that the program reads; 0 for none.
    """

    x: MapLayout
    y: MapLayout
    groups: int
    program: Program = NOTHING
    phi: int = 0

    def __post_init__(self) -> None:
        """Check the layouts.

        Raises:
            ValueError: if no kernel supports them.
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
        """The epilogue after the normalization."""
        return Epilogue(self.y, self.program, self.phi)

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """Transforms that the kernel needs, by argument name."""
        return self.epilogue.matrices

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling of `launch` that needs no stack on sm_80, sm_90 and sm_100."""
        return self.epilogue.default_tiling(precision)

    def moments_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling of `channel_moments` that needs no stack; `rows` are pixels of a part."""
        return Tiling(128, 32, warps=4)

    def parts(self, tiling: Tiling) -> int:
        """Return how many parts an image is divided into for its moments."""
        return -(-self.x.height * self.x.width // tiling.rows)

    def part_shape(self, batch: int, tiling: Tiling) -> tuple[int, int, int, int]:
        """Return the shape of `channel_moments`: for each part, means and squared deviations."""
        return batch, self.parts(tiling), 2, padded(self.x.channels)

    def moment_shape(self, batch: int) -> tuple[int, int, int]:
        """Return the shape of `group_moments`: for each image, means and factors."""
        return batch, 2, padded(self.x.channels)

    def steps(self, batch: int, precision: Precision, tiling: Tiling) -> tuple[Step, ...]:
        """Return the three launches; see `KernelInSteps`."""
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
        """Return the launch that computes moments of each channel over the parts of images."""
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
        """Return the launch that merges moments; `tiling` is the tiling of `channel_moments`."""
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
        """Return the launch that normalizes `batch` images."""
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
