"""GPUs that a schedule can be made for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """A GPU, from the data sheet of its maker.

    Attributes:
        name: of the card.
        bandwidth: of its memory, bytes a second.
        flops: dense floating-point operations a second, by precision.
    """

    name: str
    bandwidth: float
    flops: dict[str, float]


def _flops(half: float, tf32: float, single: float) -> dict[str, float]:
    # tf32x3 needs three products for one.
    return {"float16": half, "bfloat16": half, "tf32x3": tf32 / 3, "float32": single}


GPUS: dict[str, Gpu] = {
    "sm_80": Gpu("A100", 2.04e12, _flops(312e12, 156e12, 19.5e12)),
    "sm_90": Gpu("H100", 3.35e12, _flops(989e12, 495e12, 67e12)),
    "sm_100": Gpu("B200", 8.0e12, _flops(2250e12, 1100e12, 80e12)),
}
DEFAULT_GPU = "sm_90"
