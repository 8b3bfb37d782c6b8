"""A reader thread that works ahead of the network, as in deployments, and its timing."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from time import perf_counter
from typing import Any

from jpegcompile.evaluation.benchmark.rounds import interleaved

# Batches that are read ahead, or being read, while the network computes one batch.
_AHEAD = 2
_TRIALS, _TRIAL_SECONDS, _MOST_RUNS = 3, 0.1, 100


@dataclass(frozen=True)
class Sharing:
    """A division of the threads of a job between reader and network.

    Attributes:
        readers: threads that read files.
        network: threads that compute the network.
    """

    readers: int
    network: int


@dataclass(frozen=True)
class Overlap:
    """The two stages of a pipeline, which run at the same time.

    Attributes:
        sharing: division of the threads.
        read: reads a batch of files ahead, in its own thread.
        finish: computes the outputs from the result of `read`, in the thread of the caller.
    """

    sharing: Sharing
    read: Callable[[Sequence[bytes]], Any]
    finish: Callable[[Any], Any]

    def seconds(self, batches: Sequence[Sequence[bytes]], runs: int) -> float:
        """Return the time from the outputs of a batch to the next outputs, with both stages busy.

        Args:
            batches: batches of files, which are repeated.
            runs: number of batches to time.
        """
        stream = read_ahead(self.read, cycle(batches))
        try:
            # The network is idle while the first batch is read.
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
    """Yield the results of `read` for each batch, in order; two are read ahead of the caller."""
    source = iter(batches)
    pending: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(1) as executor:
        try:
            while True:
                missing = _AHEAD - len(pending)
                pending.extend(executor.submit(read, batch) for batch in islice(source, missing))
                if not pending:
                    return
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def fastest(overlaps: Sequence[Overlap], batches: Sequence[Sequence[bytes]]) -> Overlap:
    """Return the fastest of several overlaps, measured in interleaved trials.

    Args:
        overlaps: overlaps of one pipeline.
        batches: batches of files to time with.
    """
    if len(overlaps) == 1:
        return overlaps[0]
    by_name = {str(index): overlap for index, overlap in enumerate(overlaps)}
    trials = {
        name: partial(overlap.seconds, batches, _runs(overlap.seconds(batches, 1)))
        for name, overlap in by_name.items()
    }
    medians = interleaved(trials, _TRIALS).medians()
    return by_name[min(medians, key=medians.__getitem__)]


def _runs(estimate: float) -> int:
    """Return the number of runs in a trial, from the estimated seconds of a run."""
    return min(max(math.ceil(_TRIAL_SECONDS / estimate), 2), _MOST_RUNS)
