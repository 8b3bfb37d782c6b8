"""What `gpu-check` found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jpegcompile.errors import CheckFailedError


@dataclass(frozen=True)
class KernelCheck:
    """One kernel against its reference.

    Attributes:
        family: of kernels.
        name: of the case.
        precision: of maps and products.
        share: the largest error as a fraction of what is allowed.
    """

    family: str
    name: str
    precision: str
    share: float

    @property
    def passed(self) -> bool:
        """Whether every number is within what is allowed."""
        return self.share <= 1


@dataclass(frozen=True)
class ModelCheck:
    """One property of a whole model.

    Attributes:
        model: its name.
        precision: of maps and products.
        check: what was compared with what.
        error: the largest error.
        allowed: that it may have.
        note: why there is no result, if there is none.
    """

    model: str
    precision: str
    check: str
    error: float
    allowed: float
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is within what is allowed."""
        return self.error <= self.allowed


@dataclass(frozen=True)
class Rate:
    """How fast a kernel works, or what the GPU reaches at most.

    Attributes:
        name: of the layer, or of what measures the ceiling.
        precision: of maps and products.
        calls: of equal layers.
        seconds: of one call.
        bytes: that it moves.
        flops: that it computes.
    """

    name: str
    precision: str
    calls: int
    seconds: float
    bytes: float
    flops: float

    @property
    def bandwidth(self) -> float:
        """Bytes a second."""
        return self.bytes / self.seconds

    @property
    def speed(self) -> float:
        """FLOP/s."""
        return self.flops / self.seconds


@dataclass(frozen=True)
class Throughput:
    """Images a second from the bytes of files to outputs in the memory of the host.

    Attributes:
        pipeline: what decodes and what computes.
        images: a second.
        batch: images at once.
    """

    pipeline: str
    images: float
    batch: int


@dataclass(frozen=True)
class GpuCheck:
    """What `gpu-check` found.

    Attributes:
        device: name and versions; see `DeviceFacts`.
        kernels: each against its reference.
        models: whole models.
        ceilings: what a copy and a matrix product reach.
        rates: kernels of ResNet-50.
        throughput: of pipelines from bytes.
    """

    device: Mapping[str, str]
    kernels: tuple[KernelCheck, ...]
    models: tuple[ModelCheck, ...] = ()
    ceilings: tuple[Rate, ...] = ()
    rates: tuple[Rate, ...] = ()
    throughput: tuple[Throughput, ...] = ()

    @property
    def failures(self) -> tuple[KernelCheck | ModelCheck, ...]:
        """Checks that did not hold."""
        every: list[KernelCheck | ModelCheck] = [*self.kernels, *self.models]
        return tuple(check for check in every if not check.passed)

    @property
    def passed(self) -> bool:
        """Whether all checks held."""
        return not self.failures

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
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
    """Refuse a result in which a check did not hold.

    Raises:
        CheckFailedError: naming the first one.
    """
    if result.passed:
        return
    first = result.failures[0]
    if isinstance(first, KernelCheck):
        where = f"{first.family} ({first.name}) in {first.precision}"
        error = f"is off by {first.share:.3g} times what is allowed"
    else:
        where = f"{first.model} in {first.precision}, {first.check}"
        error = first.note or f"is off by {first.error:.2e}, {first.allowed:.2e} is allowed"
    count = len(result.failures)
    total = len(result.kernels) + len(result.models)
    raise CheckFailedError(f"{count} of {total} checks failed, first: {where}: {error}")
