"""Interleaved rounds: the one way in which benchmarks compare times.

Each round measures every way once, and each round starts with another way. All ways then meet the
same state of the machine, and none always runs after the same other one. Times are medians over
rounds. Ratios are medians of the ratios within a round, which a change between rounds cannot move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TypeVar

Item = TypeVar("Item")

# Runs something and returns the seconds that it took.
Measurement = Callable[[], float]


@dataclass(frozen=True)
class Rounds:
    """Seconds of every way in every round.

    Attributes:
        seconds: by the name of the way, one number for each round.
    """

    seconds: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        """Return the median seconds of a way."""
        return median(self.seconds[name])

    def medians(self) -> dict[str, float]:
        """Return the median seconds of every way."""
        return {name: self.median(name) for name in self.seconds}

    def ratio(self, name: str, reference: str) -> float:
        """Return the ratio of the times of a way and of the reference: median over the rounds."""
        pairs = zip(self.seconds[name], self.seconds[reference], strict=True)
        return median(own / other for own, other in pairs)

    def ratios(self, reference: str) -> dict[str, float]:
        """Return the ratios of all ways to the reference."""
        return {name: self.ratio(name, reference) for name in self.seconds}


def timed(run: Callable[[], object], clock: Callable[[], float] = perf_counter) -> Measurement:
    """Return a measurement of one call.

    Args:
        run: the call.
        clock: seconds; `time.process_time` or `time.thread_time` for processor time, which other
            processes disturb less.
    """

    def measure() -> float:
        start = clock()
        run()
        return clock() - start

    return measure


def median_for(
    run: Callable[[], object],
    seconds: float,
    *,
    warm_up: int = 0,
    fewest: int = 1,
    clock: Callable[[], float] = perf_counter,
) -> float:
    """Return the median time of calls repeated for some seconds.

    Args:
        run: the call.
        seconds: how long to repeat it.
        warm_up: calls before the clock starts.
        fewest: calls to time even if they take longer than `seconds`.
        clock: as for `timed`, of a call.
    """
    for _ in range(warm_up):
        run()
    measure, times = timed(run, clock), list[float]()
    end = perf_counter() + seconds
    while len(times) < fewest or perf_counter() < end:
        times.append(measure())
    return median(times)


def interleaved(
    measurements: Mapping[str, Measurement], rounds: int, *, warm_up: int = 0
) -> Rounds:
    """Measure every way once a round.

    Args:
        measurements: by the name of the way; check the results of all ways before.
        rounds: rounds that count.
        warm_up: rounds before these, which fill caches and do not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in measurements}
    names = list(measurements)
    for number in range(-warm_up, rounds):
        for name in rotated(names, number):
            taken = measurements[name]()
            if number >= 0:
                seconds[name].append(taken)
    return Rounds(seconds)


def rotated(items: Sequence[Item], number: int) -> list[Item]:
    """Return the items in the order of a round: each round begins with the next item."""
    first = number % len(items) if items else 0
    return [*items[first:], *items[:first]]
