"""What every GPU kernel says of itself: the records in `kernels/*/launch.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from jpegcompile.gpu.launch import Launch, Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.precision import Precision


@dataclass(frozen=True)
class Step:
    """One launch of a kernel that works in steps.

    Attributes:
        launch: what runs.
        makes: name of what it makes; "y" for the last one.
        shape: of what it makes.
        reads: names of what earlier steps made, by argument.
    """

    launch: Launch
    makes: str
    shape: tuple[int, ...]
    reads: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class KernelInSteps(Protocol):
    """A kernel that is several launches, one after another."""

    def steps(self, batch: int, precision: Precision, tiling: Tiling) -> tuple[Step, ...]:
        """The launches for `batch` images; `tiling` is that of the last one."""


def steps_of(kernel: Kernel, batch: int, precision: Precision, tiling: Tiling) -> tuple[Step, ...]:
    """All launches of a kernel."""
    if isinstance(kernel, KernelInSteps):
        return kernel.steps(batch, precision, tiling)
    launch = kernel.launch(batch, precision, tiling)
    return (Step(launch, "y", (batch, *kernel.y.shape)),)


class Kernel(Protocol):
    """A kernel with the layouts of its maps."""

    @property
    def y(self) -> MapLayout:
        """The map that it makes."""

    @property
    def matrices(self) -> Mapping[str, TileMatrix]:
        """The transforms that it needs, by argument."""

    def default_tiling(self, precision: Precision) -> Tiling:
        """A tiling without spills on every GPU."""

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """The launch for `batch` images."""
