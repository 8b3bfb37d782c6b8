"""What the compiler and the runtime ask of a target.

A runtime asks, too, so nothing here imports the compiler: a target imports its passes and its cost
model when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jpegcompile.cost.first import FirstLayer
    from jpegcompile.cost.model import Layer, Method
    from jpegcompile.ir.rewrite import Pass

# Also what the compiler computes constants by, and what original models run on.
CPU_PROVIDERS = ("CPUExecutionProvider",)
CUDA_PROVIDER = "CUDAExecutionProvider"


@dataclass(frozen=True)
class CostModel:
    """What native kernels cost, as far as the compiler chooses between them.

    Attributes:
        methods: from convolutions by the names of their nodes, and the bytes that packed weights
            may take beyond the model's own, to the method of each.
        most_vectors: up to how many vectors of sums the first convolution goes by coefficients; 0
            where it never should.
    """

    methods: Callable[[Mapping[str, Layer], float], Mapping[str, Method]]
    most_vectors: Callable[[FirstLayer], int]


@dataclass(frozen=True)
class Kernels:
    """The native kernels of a target.

    Attributes:
        cost_model: imports and returns their cost model.
        channel_group: how many channels stand side by side in the maps that kernels hand on; 1 for
            plain NCHW.
        compact_tiles: whether kernels hand on a truncated map without its zeros; only in groups.
    """

    cost_model: Callable[[], CostModel]
    channel_group: int = 1
    compact_tiles: bool = False


def _nothing_required() -> None:
    """What most targets need is installed with jpegcompile."""


@dataclass(frozen=True)
class Target:
    """What a model is compiled for.

    Attributes:
        name: as users and compiled files call it.
        keeps_operators: whether jpegcompile operators stay in the file, with function bodies;
            otherwise the bodies take their place.
        kernels: native kernels of these operators; None if there are none, and then `lean`, `batch`
            and the input mode "jpeg" mean nothing.
        passes: imports and returns what `schedule` says.
        chooses_layouts: whether layouts of maps are chosen for GPUs, so that models are always
            lowered to the JPEG domain.
        precisions: that it computes in, the default first.
        compiles_kernels: whether GPU kernels of a model can be compiled ahead of time.
        require: refuses to go on where the target needs what is not installed.
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
        """The last passes of the pipeline, in order: which operators do the work."""
        return self.passes(self)
