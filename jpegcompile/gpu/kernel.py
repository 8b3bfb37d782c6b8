"""Interface of GPU kernels: the records in `kernels/*/launch.py`."""

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
    """One launch of a kernel that consists of several launches.

    Attributes:
        launch: the launch.
        makes: name of the step's output; "y" for the last step.
        shape: shape of its output.
        reads: names of the outputs of earlier steps that it reads, by argument.
    """

    launch: Launch
    makes: str
    shape: tuple[int, ...]
    reads: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class KernelInSteps(Protocol):
    """A kernel that consists of several launches in sequence."""

    def steps(self, batch: int, precision: Precision, tiling: Tiling) -> tuple[Step, ...]:
        """Return the launches in order.

        Args:
            batch: number of images.
            precision: precision of the computation.
            tiling: tiling of the last launch.
        """


def steps_of(kernel: Kernel, batch: int, precision: Precision, tiling: Tiling) -> tuple[Step, ...]:
    """Return all launches of a kernel in order; the arguments are as for `Kernel.launch`."""
    if isinstance(kernel, KernelInSteps):
        return kernel.steps(batch, precision, tiling)
    launch = kernel.launch(batch, precision, tiling)
    return (Step(launch, "y", (batch, *kernel.y.shape)),)


class Kernel(Protocol):
    """A kernel with the layouts of its maps."""

    @property
    def y(self) -> MapLayout:
        """Layout of the output map."""

    @property
    def matrices(self) -> Mapping[str, TileMatrix]:
        """The tile transforms that the kernel reads, by argument."""

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that does not spill registers on any GPU."""

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch.

        Args:
            batch: number of images.
            precision: precision of the computation.
            tiling: division of the work into programs.
        """
