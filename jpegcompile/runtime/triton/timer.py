"""Measure the time of work on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Protocol

import torch

# Seconds of work per measurement, so that the resolution of events does not matter.
_LEAST = 4e-3
_MOST_REPEATS = 200


class Timer(Protocol):
    """Measures the time of work. Tests use one that does not measure."""

    def prepared(self, call: Callable[[], object]) -> Callable[[], float]:
        """Return a function that does the work of `call` and returns its time in seconds.

        Args:
            call: the work.

        Raises:
            Exception: any exception of `call`.
        """


class CudaTimer:
    """Measures the time of work on the current GPU by events.

    The work is captured as a CUDA graph, so the time of Python and of launches on the host does not
    count. The work runs repeatedly on the same inputs, which stay in the L2 cache if they fit.
    """

    def __init__(self) -> None:
        """Create a timer. Its graphs share memory, because nothing reads their results."""
        self._pool = torch.cuda.graph_pool_handle()

    def prepared(self, call: Callable[[], object]) -> Callable[[], float]:
        """See `Timer`."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            call()  # compiles
            seconds = _elapsed(call)
        torch.cuda.current_stream().wait_stream(stream)
        repeats = max(1, min(_MOST_REPEATS, int(_LEAST / max(seconds, 1e-7))))
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            for _ in range(repeats):
                call()
        graph.replay()
        return lambda: _elapsed(graph.replay) / repeats


def _elapsed(work: Callable[[], object]) -> float:
    """Seconds between events around work on the current stream."""
    start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    start.record()
    work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def medians(prepared: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Return the median time of each work in seconds. All works run once per round.

    Args:
        prepared: functions from `Timer.prepared`.
        rounds: number of rounds.
    """
    times: list[list[float]] = [[] for _ in prepared]
    for _ in range(rounds):
        for run, taken in zip(prepared, times, strict=True):
            taken.append(run())
    return [median(taken) for taken in times]
