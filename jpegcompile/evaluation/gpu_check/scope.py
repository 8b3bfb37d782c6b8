"""The scope of `gpu-check`: what it checks and measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jpegcompile.evaluation.gpu_check.case import KernelCase
from jpegcompile.evaluation.gpu_check.convolutions import convolution_cases
from jpegcompile.evaluation.gpu_check.map_cases import map_cases
from jpegcompile.evaluation.gpu_check.networks import Network
from jpegcompile.gpu.resnets import Layer, resnet50
from jpegcompile.precision import PRECISIONS, Precision

# Floats of a copy that exceeds all caches (1 GB), and side of matrices whose product keeps all
# processors busy.
_COPIED, _SIDE = 1 << 28, 8192
_SECONDS = 2.0


@dataclass(frozen=True)
class Scope:
    """What to check and to measure.

    Attributes:
        cases: kernels to check.
        precisions: precisions of all checks and measurements.
        networks: whole models to check.
        layers: layers whose rates are measured.
        batch: batch size for rates.
        backend: backend of `torch.compile`.
        copied: float32 numbers to copy.
        side: height and width of the matrices to multiply.
        seconds: seconds to run each pipeline from bytes.
    """

    cases: Sequence[KernelCase]
    precisions: Sequence[Precision]
    networks: Sequence[Network]
    layers: Sequence[Layer]
    batch: int
    backend: str = "inductor"
    copied: int = _COPIED
    side: int = _SIDE
    seconds: float = _SECONDS


def full_scope(networks: Sequence[Network], batch: int) -> Scope:
    """Return all checks and measurements, at every precision."""
    cases = [*convolution_cases(large=True), *map_cases(large=True)]
    return Scope(cases, tuple(PRECISIONS.values()), networks, resnet50(), batch)
