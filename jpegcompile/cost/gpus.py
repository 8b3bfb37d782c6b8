"""The GPUs that a schedule can target, by their data sheets."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.precision import Precision


@dataclass(frozen=True)
class Gpu:
    """A GPU by its data sheet.

    Attributes:
        name: product name.
        arch: compute capability.
        bandwidth: bytes per second of memory.
        half, tf32, single: dense FLOP/s of 16-bit matrix units, TF32 matrix units and float32.
        processors: number of multiprocessors.
        cache_bandwidth: bytes per second from the L2 cache to the multiprocessors; an estimate,
            because data sheets do not state it.
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
        """Return the FLOP/s of products in a precision; tf32x3 has a third of TF32's FLOP/s."""
        if precision.storage != "float32":
            return self.half
        return self.single if precision.product == "ieee" else self.tf32 / 3


# By name of the architecture.
GPUS: dict[str, Gpu] = {
    f"sm_{gpu.arch}": gpu
    for gpu in (
        Gpu("A100", 80, 2.04e12, 312e12, 156e12, 19.5e12, 108, 4e12),
        Gpu("H100", 90, 3.35e12, 989e12, 495e12, 67e12, 132, 5.5e12),
        Gpu("B200", 100, 8e12, 2.25e15, 1.1e15, 80e12, 148, 10e12),
    )
}
DEFAULT_GPU = "sm_90"
