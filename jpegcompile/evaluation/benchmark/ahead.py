"""A reader thread that works ahead of the network, as deployments have it, and how it is timed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from time import perf_counter
from typing import Any

# Batches that are read, or being read, while the network computes one.
_AHEAD = 2
_TRIALS, _TRIAL_SECONDS, _MOST_RUNS = 3, 0.1, 100


@dataclass(frozen=True)
class Sharing:
    """How the two sides of a pipeline share the threads that a job has.

    Attributes:
        readers: threads that read files.
        network: threads that compute the network.
    """

    readers: int
    network: int


@dataclass(frozen=True)
class Overlap:
    """The two halves of a pipeline that work at once.

    Attributes:
        sharing: of the threads.
        read: what is done ahead for a batch of files, in a thread of its own.
        finish: makes the outputs of that, in the caller's thread.
    """

    sharing: Sharing
    read: Callable[[Sequence[bytes]], Any]
    finish: Callable[[Any], Any]

    def seconds(self, batches: Sequence[Sequence[bytes]], runs: int) -> float:
        """Time from one batch's outputs to the next one's, once both halves are at work.

        Args:
            batches: of files, which come again and again.
            runs: batches that count.
        """
        stream = read_ahead(self.read, cycle(batches))
        try:
            # While the first batch is read there is nothing to compute.
            self.finish(next(stream))
            start = perf_counter()
            for made in islice(stream, runs):
                self.finish(made)
            return (perf_counter() - start) / runs
        finally:
            stream.close()


def read_ahead(
    read: Callable[[Sequence[bytes]], Any], batches: Iterable[Sequence[bytes]]
) -> Generator[Any, None, None]:
    """What `read` makes of each batch, in order; two are made while the caller works on one."""
    source = iter(batches)
    pending: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(1) as executor:
        try:
            while True:
                room = _AHEAD - len(pending)
                pending.extend(executor.submit(read, batch) for batch in islice(source, room))
                if not pending:
                    return
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def fastest(overlaps: Sequence[Overlap], batches: Sequence[Sequence[bytes]]) -> Overlap:
    """The one that takes the least time, in some trials by turns."""
    if len(overlaps) == 1:
        return overlaps[0]
    times: list[list[float]] = [[] for _ in overlaps]
    runs = [_runs(overlap.seconds(batches, 1)) for overlap in overlaps]
    for _ in range(_TRIALS):
        for overlap, count, seconds in zip(overlaps, runs, times, strict=True):
            seconds.append(overlap.seconds(batches, count))
    middles = [median(seconds) for seconds in times]
    return overlaps[middles.index(min(middles))]


def _runs(estimate: float) -> int:
    return min(max(math.ceil(_TRIAL_SECONDS / estimate), 2), _MOST_RUNS)
