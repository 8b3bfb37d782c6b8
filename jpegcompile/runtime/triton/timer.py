"""How long work takes on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Protocol

import torch

# Work of this many seconds is timed at once, so that the clock of events counts for nothing.
_LEAST = 4e-3
_MOST_REPEATS = 200


class Timer(Protocol):
    """Times work. Tests have one that takes no time."""

    def prepared(self, call: Callable[[], object]) -> Callable[[], float]:
        """A function that does the work of `call` and returns how many seconds it took.

        Raises:
            Exception: whatever `call` raises.
        """


class CudaTimer:
    """Times work on the current GPU by events.

    The work is captured as a CUDA graph, so that what Python and launches take on the host does
    not count. It runs on the same inputs again and again: what fits into the L2 cache stays there.
    """

    def __init__(self) -> None:
        """A timer whose graphs share their memory, since nobody reads what they make."""
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
    """The median seconds of each, from rounds in which all take turns."""
    times: list[list[float]] = [[] for _ in prepared]
    for _ in range(rounds):
        for run, taken in zip(prepared, times, strict=True):
            taken.append(run())
    return [median(taken) for taken in times]
