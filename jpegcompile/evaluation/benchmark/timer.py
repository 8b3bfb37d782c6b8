"""Sides of a benchmark, checked and timed in turn, each in its own process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.benchmark.job import Job
from jpegcompile.evaluation.benchmark.operators import NodeTime
from jpegcompile.evaluation.benchmark.plan import Plan
from jpegcompile.evaluation.benchmark.process import Process
from jpegcompile.evaluation.benchmark.results import Cell, Side, Timing
from jpegcompile.evaluation.measure import Verification
from jpegcompile.evaluation.meter import Meter, Variant, verification
from jpegcompile.evaluation.progress import Progress
from jpegcompile.evaluation.verify import require_passed

_PROFILED_RUNS = 10
_MOST_RUNS = 1000
# The first of few long runs is as good as the others; one that goes before costs as much.
_RUNS_FOR_WARM_UP = 4


@dataclass
class Steps:
    """Progress in steps of equal size."""

    progress: Progress | None
    total: int
    count: int = 0

    def done(self) -> None:
        """Another one."""
        self.count += 1
        if self.progress is not None:
            self.progress(self.count, self.total)


@dataclass(frozen=True)
class Timer:
    """Checks and times the sides at one batch size and one number of threads."""

    plan: Plan
    rounds: int
    seconds: float
    per_op: bool
    steps: Steps

    def cell(self, jobs: Sequence[Job]) -> Cell:
        """Start a process for each side, and end them when all is measured."""
        with ExitStack() as stack:
            processes = [stack.enter_context(Process(job, self.plan.folder)) for job in jobs]
            memory, checks = self._checked(processes)
            timings = self._timed(processes)
            nodes = [self._nodes(process) if self.per_op else () for process in processes]
        sides = {
            process.job.side: Side(process.creation, peak["peak"], peak["base"], check, times)
            for process, peak, check, times in zip(processes, memory, checks, nodes, strict=True)
        }
        return Cell(jobs[0].batch, jobs[0].threads, sides, timings)

    def _checked(
        self, processes: Sequence[Process]
    ) -> tuple[list[dict[str, int | None]], list[Verification | None]]:
        """Memory of each side, and its check, which has passed; None for the spatial side."""
        folder, memory, files = str(self.plan.folder), [], []
        for process in processes:
            answer = process.ask("outputs", folder)
            memory.append(answer["memory"])
            files.append(answer["files"])
            self.steps.done()
        exact, pillow = files[0], None
        if processes[0].job.takes_files:
            exact, pillow = processes[0].ask("exact", folder)["files"], files[0]
        checks: list[Verification | None] = [None]
        for process, own in zip(processes[1:], files[1:], strict=True):
            check = self._check(process.outputs, own, exact, pillow)
            if self.plan.is_exact:
                require_passed(check)
            checks.append(check)
        return memory, checks

    def _check(
        self,
        names: Sequence[str],
        actual: Sequence[str],
        exact: Sequence[str],
        pillow: Sequence[str] | None,
    ) -> Verification:
        plan = self.plan
        meter = Meter(plan.tolerance, plan.templates[0].image.layout)
        for index, paths in enumerate(zip(actual, exact, strict=True)):
            own, expected = (_read_outputs(path, names) for path in paths)
            by_pillow = None if pillow is None else _read_outputs(pillow[index], names)
            # Inputs that fill no whole batch are not run.
            variants = [
                Variant(
                    {n: v[: len(expected[n])] for n, v in _read_outputs(path, names).items()},
                    weight,
                )
                for path, weight in plan.variants[index]
            ]
            count = len(own[names[0]])
            meter.outputs(names, own, expected, by_pillow, variants, inputs=count)
        return verification(meter, is_exact=plan.is_exact)

    def _timed(self, processes: Sequence[Process]) -> tuple[Timing, ...]:
        """Every stage: each round times the sides one after another, another one first."""
        estimates = []
        for process in processes:
            estimates.append(process.ask("prepare")["seconds"])
            self.steps.done()
        stages = processes[0].job.stages
        rounds: list[dict[str, list[float]]] = [{p.job.side: [] for p in processes} for _ in stages]
        for number in range(self.rounds):
            for index, (stage, name) in enumerate(stages):
                for step in range(len(processes)):
                    which = (number + step) % len(processes)
                    runs = self._runs(estimates[which][index])
                    answer = processes[which].ask("time", stage, name, *runs)
                    side = processes[which].job.side
                    rounds[index][side].append(median(answer["seconds"]))
            for _ in processes:
                self.steps.done()
        return tuple(
            Timing(stage, name, values)
            for (stage, name), values in zip(stages, rounds, strict=True)
        )

    def _runs(self, estimate: float) -> tuple[int, int]:
        """Runs that are timed, and runs before them that fill caches and wake threads."""
        runs = min(max(math.ceil(self.seconds / estimate), 1), _MOST_RUNS)
        return runs, 1 if runs >= _RUNS_FOR_WARM_UP else 0

    def _nodes(self, process: Process) -> tuple[NodeTime, ...]:
        answer = process.ask("profile", _PROFILED_RUNS)
        return tuple(NodeTime(**node) for node in answer["nodes"])


def _read_outputs(path: str, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    with np.load(path) as arrays:
        return {name: arrays[f"arr_{index}"] for index, name in enumerate(names)}
