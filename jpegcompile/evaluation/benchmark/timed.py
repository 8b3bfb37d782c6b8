"""What a worker times: runs one by one, or a pipeline in which they overlap."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from jpegcompile.evaluation.benchmark.ahead import Overlap


class Timed(ABC):
    """One stage of one side, for one kind of inputs."""

    @abstractmethod
    def estimate(self) -> float:
        """Seconds of a batch, from a first pass over all batches."""

    @abstractmethod
    def seconds(self, runs: int, warm_up: int) -> list[float]:
        """Seconds of a batch, measured over `runs` runs after some that do not count."""


@dataclass(frozen=True)
class InTurn(Timed):
    """Runs one after the other.

    Attributes:
        steps: a run for each batch.
    """

    steps: Sequence[Callable[[], object]]

    def estimate(self) -> float:
        """See `Timed`."""
        start = perf_counter()
        for step in self.steps:
            step()
        return (perf_counter() - start) / len(self.steps)

    def seconds(self, runs: int, warm_up: int) -> list[float]:
        """See `Timed`; one time for each run."""
        seconds = []
        for number in range(-warm_up, runs):
            step = self.steps[number % len(self.steps)]
            start = perf_counter()
            step()
            if number >= 0:
                seconds.append(perf_counter() - start)
        return seconds


@dataclass(frozen=True)
class Overlapping(Timed):
    """Batches read while those before them are computed: their mean, since they come in bursts.

    Attributes:
        overlap: the pipeline.
        batches: of files.
    """

    overlap: Overlap
    batches: Sequence[Sequence[bytes]]

    def estimate(self) -> float:
        """See `Timed`."""
        return self.overlap.seconds(self.batches, len(self.batches))

    def seconds(self, runs: int, warm_up: int) -> list[float]:
        """See `Timed`; the pipeline warms up by itself, and one run would be a matter of luck."""
        return [self.overlap.seconds(self.batches, max(runs, 2))]
