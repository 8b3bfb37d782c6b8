"""The results of `gpu-check`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jpegcompile.errors import CheckFailedError
from jpegcompile.messages import Message


@dataclass(frozen=True)
class KernelCheck:
    """The comparison of a kernel with its reference.

    Attributes:
        family: family of the kernel.
        name: name of the case.
        precision: precision of maps and products.
        share: largest error as a fraction of the tolerance.
    """

    family: str
    name: str
    precision: str
    share: float

    @property
    def passed(self) -> bool:
        """Whether every error is within the tolerance."""
        return self.share <= 1


@dataclass(frozen=True)
class ModelCheck:
    """A check of a whole model.

    Attributes:
        model: name of the model.
        precision: precision of maps and products.
        check: what was compared.
        error: largest error.
        allowed: tolerance.
        note: reason if there is no result.
    """

    model: str
    precision: str
    check: str
    error: float
    allowed: float
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.error <= self.allowed


@dataclass(frozen=True)
class Rate:
    """The rate of a kernel, or a ceiling of the GPU.

    Attributes:
        name: name of the layer or of the ceiling.
        precision: precision of maps and products.
        calls: number of equal layers.
        seconds: seconds of one call.
        bytes: bytes moved by one call.
        flops: FLOPs of one call.
    """

    name: str
    precision: str
    calls: int
    seconds: float
    bytes: float
    flops: float

    @property
    def bandwidth(self) -> float:
        """Bytes per second."""
        return self.bytes / self.seconds

    @property
    def speed(self) -> float:
        """FLOP/s."""
        return self.flops / self.seconds


@dataclass(frozen=True)
class Throughput:
    """The throughput of a pipeline from the bytes of files to outputs in host memory.

    Attributes:
        pipeline: decoder and executor of the pipeline.
        images: images per second.
        batch: batch size.
    """

    pipeline: str
    images: float
    batch: int


@dataclass(frozen=True)
class GpuCheck:
    """The result of `gpu-check`.

    Attributes:
        device: name and versions; see `DeviceFacts`.
        kernels: checks of kernels.
        models: checks of whole models.
        ceilings: rates of a copy and of matrix products.
        rates: rates of the kernels of ResNet-50.
        throughput: throughput of pipelines from bytes.
    """

    device: Mapping[str, str]
    kernels: tuple[KernelCheck, ...]
    models: tuple[ModelCheck, ...] = ()
    ceilings: tuple[Rate, ...] = ()
    rates: tuple[Rate, ...] = ()
    throughput: tuple[Throughput, ...] = ()

    @property
    def failures(self) -> tuple[KernelCheck | ModelCheck, ...]:
        """Checks that failed."""
        every: list[KernelCheck | ModelCheck] = [*self.kernels, *self.models]
        return tuple(check for check in every if not check.passed)

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return not self.failures

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        kernels = [{**asdict(check), "passed": check.passed} for check in self.kernels]
        models = [{**asdict(check), "passed": check.passed} for check in self.models]
        rates = {
            name: [{**asdict(r), "bandwidth": r.bandwidth, "speed": r.speed} for r in listed]
            for name, listed in (("ceilings", self.ceilings), ("rates", self.rates))
        }
        throughput = [asdict(one) for one in self.throughput]
        return {
            "device": dict(self.device),
            "passed": self.passed,
            "kernels": kernels,
            "models": models,
            **rates,
            "throughput": throughput,
        }


def require_passed(result: GpuCheck) -> None:
    """Raise an error if a check failed.

    Raises:
        CheckFailedError: if a check failed. The message names the first one.
    """
    if result.passed:
        return
    first = result.failures[0]
    if isinstance(first, KernelCheck):
        where = f"{first.family} ({first.name}) in {first.precision}"
        error = f"the error is {first.share:.3g} times the tolerance"
    else:
        where = f"{first.model} in {first.precision}, {first.check}"
        error = first.note or f"the error is {first.error:.2e}, more than {first.allowed:.2e}"
    count = len(result.failures)
    total = len(result.kernels) + len(result.models)
    text = f"{count} of {total} checks failed; the first is {where}: {error}"
    raise CheckFailedError(Message("gpu-checks-failed", text))
