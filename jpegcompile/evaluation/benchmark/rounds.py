"""Interleaved rounds, which all benchmarks use to compare times.

Each round measures every candidate once, and each round starts with another candidate. So all
candidates see the same states of the machine, and their order varies. Times are medians over
rounds. Ratios are medians of the ratios within a round, which changes between rounds do not affect.
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
    """Seconds of every candidate in every round.

    Attributes:
        seconds: one number for each round, by the name of the candidate.
    """

    seconds: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        """Return the median seconds of a candidate."""
        return median(self.seconds[name])

    def medians(self) -> dict[str, float]:
        """Return the median seconds of every candidate."""
        return {name: self.median(name) for name in self.seconds}

    def ratio(self, name: str, reference: str) -> float:
        """Return the time of a candidate divided by the reference's: median over the rounds."""
        pairs = zip(self.seconds[name], self.seconds[reference], strict=True)
        return median(own / other for own, other in pairs)

    def ratios(self, reference: str) -> dict[str, float]:
        """Return the ratios of all candidates to the reference."""
        return {name: self.ratio(name, reference) for name in self.seconds}


def timed(run: Callable[[], object], clock: Callable[[], float] = perf_counter) -> Measurement:
    """Return a measurement of one call.

    Args:
        run: the call.
        clock: returns seconds. `time.process_time` and `time.thread_time` return processor time,
            which other processes disturb less.
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
        seconds: how long to repeat the call.
        warm_up: calls before the clock starts.
        fewest: calls to time even if they take longer than `seconds`.
        clock: clock for each call, as for `timed`.
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
    """Measure every candidate once per round.

    Args:
        measurements: measurements by the name of the candidate. Check the results of all candidates
            before timing them.
        rounds: number of rounds that count.
        warm_up: number of earlier rounds, which fill caches and do not count.
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
    """Return the items in the order of a round. Each round begins with the next item."""
    first = number % len(items) if items else 0
    return [*items[first:], *items[:first]]
