"""Definition of a compilation target.

The runtime imports this module too, so nothing here imports the compiler. A target imports its
passes and its cost model on demand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jpegcompile.cost.first import FirstLayer
    from jpegcompile.cost.model import Layer, Method
    from jpegcompile.ir.rewrite import Pass

# The compiler also uses these providers to fold constants and to run source models.
CPU_PROVIDERS = ("CPUExecutionProvider",)
CUDA_PROVIDER = "CUDAExecutionProvider"


@dataclass(frozen=True)
class CostModel:
    """Cost model of native kernels, for the choices that the compiler makes.

    Attributes:
        methods: function that chooses a method for each convolution. Its arguments are the
            convolutions by node name, and the memory budget in bytes for packed weights beyond the
            weights of the model.
        most_vectors: function that returns the largest number of vectors of sums for which the
            first convolution uses the sparse path; 0 to never use it.
    """

    methods: Callable[[Mapping[str, Layer], float], Mapping[str, Method]]
    most_vectors: Callable[[FirstLayer], int]


@dataclass(frozen=True)
class Kernels:
    """The native kernels of a target.

    Attributes:
        cost_model: imports and returns the cost model of these kernels.
        channel_group: number of channels in a group of the grouped layout; 1 for NCHW.
        compact_tiles: whether kernels pass truncated maps in the compact layout, without zeros.
            Requires a grouped layout.
    """

    cost_model: Callable[[], CostModel]
    channel_group: int = 1
    compact_tiles: bool = False


def _nothing_required() -> None:
    """Require nothing, because most targets need no further packages."""


@dataclass(frozen=True)
class Target:
    """A compilation target.

    Attributes:
        name: name in options and compiled files.
        keeps_operators: whether `jpegcompile` operators stay in the file with their function
            bodies. Otherwise they are replaced by the bodies.
        kernels: native kernels of the `jpegcompile` operators; None if there are none. Without
            kernels, the options `lean` and `batch` and the input mode "jpeg" do not apply.
        passes: imports and returns the passes of `schedule`.
        chooses_layouts: whether the compiler chooses layouts of maps for GPUs. Such targets always
            lower models to the JPEG domain.
        precisions: supported precisions, the default first.
        compiles_kernels: whether GPU kernels of a model can be compiled ahead of time.
        require: raises an error if the target requires a package that is not installed.
    """

    name: str
    keeps_operators: bool
    kernels: Kernels | None
    passes: Callable[[Target], tuple[Pass, ...]]
    chooses_layouts: bool = False
    precisions: tuple[str, ...] = ("float32",)
    compiles_kernels: bool = False
    require: Callable[[], None] = _nothing_required

    def schedule(self) -> tuple[Pass, ...]:
        """Return the last passes of the pipeline in order; they choose the final operators."""
        return self.passes(self)
