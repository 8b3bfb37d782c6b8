"""What `gpu-check` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jpegcompile.evaluation.gpu_check.case import KernelCase
from jpegcompile.evaluation.gpu_check.convolutions import convolution_cases
from jpegcompile.evaluation.gpu_check.map_cases import map_cases
from jpegcompile.evaluation.gpu_check.networks import Network
from jpegcompile.gpu.resnets import Layer, resnet50
from jpegcompile.precision import PRECISIONS, Precision

# Numbers of a copy that no cache holds: 1 GB. Sides of a product that keeps all processors busy.
_COPIED, _SIDE = 1 << 28, 8192
_SECONDS = 2.0


@dataclass(frozen=True)
class Plan:
    """What to check and to measure.

    Attributes:
        cases: of kernels.
        precisions: for all parts.
        networks: whole models.
        layers: whose rates are measured.
        batch: images at once, for rates.
        backend: of `torch.compile`.
        copied: float32 numbers that are copied.
        side: of the matrices that are multiplied.
        seconds: for each pipeline from bytes.
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


def whole_plan(networks: Sequence[Network], batch: int) -> Plan:
    """Everything, at every precision."""
    cases = [*convolution_cases(large=True), *map_cases(large=True)]
    return Plan(cases, tuple(PRECISIONS.values()), networks, resnet50(), batch)
