"""Sides of a benchmark, checked and timed in turn, each in its own process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from jpegcompile.evaluation.benchmark.ahead import Sharing
from jpegcompile.evaluation.benchmark.checks import Checked, Checks
from jpegcompile.evaluation.benchmark.job import Job
from jpegcompile.evaluation.benchmark.operators import NodeTime
from jpegcompile.evaluation.benchmark.plan import Plan
from jpegcompile.evaluation.benchmark.process import Process
from jpegcompile.evaluation.benchmark.results import Cell, Side, Timing
from jpegcompile.progress import Progress

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
            memory, checks, checked = self._checked(processes)
            prepared = self._prepared(processes, checks)
            timings = self._timed(processes, [answer["seconds"] for answer in prepared])
            nodes = [self._nodes(process) if self.per_op else () for process in processes]
        sides = {}
        for index, process in enumerate(processes):
            sharing = prepared[index]["sharing"]
            sides[process.job.side] = Side(
                creation=process.creation,
                memory=memory[index]["peak"],
                base=memory[index]["base"],
                check=checked[index].verification,
                nodes=nodes[index],
                differences=checked[index].differences,
                sharing=None if sharing is None else Sharing(**sharing),
            )
        return Cell(jobs[0].batch, jobs[0].threads, sides, timings)

    def _checked(
        self, processes: Sequence[Process]
    ) -> tuple[list[dict[str, int | None]], Checks, list[Checked]]:
        """Memory of each side, what checks them, and their checks."""
        memory, files = [], []
        for process in processes:
            answer = process.ask("outputs", str(self.plan.folder))
            memory.append(answer["memory"])
            files.append(answer["files"])
            self.steps.done()
        checks = Checks(self.plan, processes[0], files[0])
        checked = [checks.of(process, own) for process, own in zip(processes, files, strict=True)]
        return memory, checks, checked

    def _prepared(self, processes: Sequence[Process], checks: Checks) -> list[dict[str, Any]]:
        """What each side says of its preparation; pipelines are checked, too."""
        answers = []
        for process in processes:
            answers.append(process.ask("prepare"))
            if answers[-1]["sharing"] is not None:
                checks.of(process, process.ask("pipelined", str(self.plan.folder))["files"])
            self.steps.done()
        return answers

    def _timed(
        self, processes: Sequence[Process], estimates: Sequence[Sequence[float]]
    ) -> tuple[Timing, ...]:
        """Every stage: each round times the sides one after another, another one first."""
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
