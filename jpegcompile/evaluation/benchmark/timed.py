"""Stages that a worker times: consecutive runs, or a pipeline of overlapping runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from jpegcompile.evaluation.benchmark.ahead import Overlap


class Timed(ABC):
    """A stage of a side, for one set of inputs."""

    @abstractmethod
    def estimate(self) -> float:
        """Return estimated seconds of a batch, from a first pass over all batches."""

    @abstractmethod
    def seconds(self, runs: int, warm_up: int) -> list[float]:
        """Return seconds of a batch, measured over `runs` runs after `warm_up` uncounted runs."""


@dataclass(frozen=True)
class InTurn(Timed):
    """Runs one after another.

    Attributes:
        steps: functions that run each batch.
    """

    steps: Sequence[Callable[[], object]]

    def estimate(self) -> float:
        """See `Timed`."""
        start = perf_counter()
        for step in self.steps:
            step()
        return (perf_counter() - start) / len(self.steps)

    def seconds(self, runs: int, warm_up: int) -> list[float]:
        """See `Timed`; returns one time for each run."""
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
    """Batches that are read while earlier batches are computed.

    Outputs arrive in bursts, so the time is a mean over the runs.

    Attributes:
        overlap: the pipeline.
        batches: batches of files.
    """

    overlap: Overlap
    batches: Sequence[Sequence[bytes]]

    def estimate(self) -> float:
        """See `Timed`."""
        return self.overlap.seconds(self.batches, len(self.batches))

    def seconds(self, runs: int, warm_up: int) -> list[float]:
        """See `Timed`; the pipeline warms up itself, and the mean needs at least two runs."""
        return [self.overlap.seconds(self.batches, max(runs, 2))]
