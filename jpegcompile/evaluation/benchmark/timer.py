"""Sides of a benchmark, checked and timed in turn, each in its own process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.benchmark.ahead import Sharing
from jpegcompile.evaluation.benchmark.difference import Difference, differences
from jpegcompile.evaluation.benchmark.job import SPATIAL, Job
from jpegcompile.evaluation.benchmark.operators import NodeTime
from jpegcompile.evaluation.benchmark.plan import Plan
from jpegcompile.evaluation.benchmark.process import Process
from jpegcompile.evaluation.benchmark.results import Cell, Side, Timing
from jpegcompile.evaluation.benchmark.rivals.registry import PILLOW_AS_WRITTEN
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
class _Checked:
    """What is known of the outputs of one side: of a compiled model, or of the original."""

    verification: Verification | None = None
    differences: tuple[Difference, ...] = ()


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
            prepared = self._prepared(processes)
            timings = self._timed(processes, [answer["seconds"] for answer in prepared])
            nodes = [self._nodes(process) if self.per_op else () for process in processes]
        sides = {}
        for index, process in enumerate(processes):
            sharing = prepared[index]["sharing"]
            sides[process.job.side] = Side(
                creation=process.creation,
                memory=memory[index]["peak"],
                base=memory[index]["base"],
                check=checks[index].verification,
                nodes=nodes[index],
                differences=checks[index].differences,
                sharing=None if sharing is None else Sharing(**sharing),
            )
        return Cell(jobs[0].batch, jobs[0].threads, sides, timings)

    def _checked(
        self, processes: Sequence[Process]
    ) -> tuple[list[dict[str, int | None]], list[_Checked]]:
        """Memory of each side, and its check; those of compiled models have passed."""
        folder, memory, files = str(self.plan.folder), [], []
        for process in processes:
            answer = process.ask("outputs", folder)
            memory.append(answer["memory"])
            files.append(answer["files"])
            self.steps.done()
        exact, pillow = files[0], None
        if processes[0].job.takes_files:
            exact = processes[0].ask("exact", folder)["files"]
            if processes[0].job.side in (SPATIAL, PILLOW_AS_WRITTEN):
                pillow = files[0]
        checks = []
        for process, own in zip(processes, files, strict=True):
            if process.job.is_original:
                checks.append(_Checked(differences=self._differences(process, own, exact)))
                continue
            check = self._check(process.outputs, own, exact, pillow)
            if self.plan.is_exact:
                require_passed(check)
            checks.append(_Checked(check))
        return memory, checks

    def _differences(
        self, process: Process, actual: Sequence[str], exact: Sequence[str]
    ) -> tuple[Difference, ...]:
        """Of a rival; images of the network's size have none."""
        if not process.job.takes_any_size:
            return ()
        names = process.outputs
        read = partial(_read_outputs, names=names)
        return differences(names, [(read(a), read(e)) for a, e in zip(actual, exact, strict=True)])

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

    def _prepared(self, processes: Sequence[Process]) -> list[dict[str, Any]]:
        """What each side says of its preparation."""
        answers = []
        for process in processes:
            answers.append(process.ask("prepare"))
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


def _read_outputs(path: str, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    with np.load(path) as arrays:
        return {name: arrays[f"arr_{index}"] for index, name in enumerate(names)}
