"""GPUs that a schedule can be made for, by their data sheets."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.precision import Precision


@dataclass(frozen=True)
class Gpu:
    """A GPU by its data sheet.

    Attributes:
        name: as its maker calls it.
        arch: compute capability.
        bandwidth: of memory, bytes a second.
        half, tf32, single: dense FLOP/s of 16-bit and of TF32 matrix units, and of float32.
        processors: multiprocessors.
        cache_bandwidth: from the L2 cache to multiprocessors, bytes a second; no data sheet has it.
    """

    name: str
    arch: int
    bandwidth: float
    half: float
    tf32: float
    single: float
    processors: int
    cache_bandwidth: float

    def peak(self, precision: Precision) -> float:
        """FLOP/s of products of a precision; of tf32x3 a third of TF32's."""
        if precision.storage != "float32":
            return self.half
        return self.single if precision.product == "ieee" else self.tf32 / 3


# By the names of the architectures that kernels are compiled for.
GPUS: dict[str, Gpu] = {
    f"sm_{gpu.arch}": gpu
    for gpu in (
        Gpu("A100", 80, 2.04e12, 312e12, 156e12, 19.5e12, 108, 4e12),
        Gpu("H100", 90, 3.35e12, 989e12, 495e12, 67e12, 132, 5.5e12),
        Gpu("B200", 100, 8e12, 2.25e15, 1.1e15, 80e12, 148, 10e12),
    )
}
DEFAULT_GPU = "sm_90"
