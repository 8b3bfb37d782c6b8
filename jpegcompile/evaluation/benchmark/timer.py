"""The sides of a benchmark, checked and then timed in interleaved rounds in their processes."""

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
from jpegcompile.evaluation.benchmark.job_templates import JobTemplates
from jpegcompile.evaluation.benchmark.operators import NodeTime
from jpegcompile.evaluation.benchmark.process import Process
from jpegcompile.evaluation.benchmark.results import Cell, Side, Timing
from jpegcompile.evaluation.benchmark.rounds import rotated
from jpegcompile.progress import Steps

_PROFILED_RUNS = 10
_MOST_RUNS = 1000
# If there are fewer runs, each run is long. Then a warm-up would cost much and change little.
_RUNS_FOR_WARM_UP = 4


@dataclass(frozen=True)
class Timer:
    """Checks and times the sides at each batch size and number of threads.

    Attributes:
        templates: jobs of the benchmark.
        rounds: number of rounds.
        seconds: seconds of a side in a round; every side runs at least once.
        per_op: whether to time every node, too.
        steps: progress.
    """

    templates: JobTemplates
    rounds: int
    seconds: float
    per_op: bool
    steps: Steps

    def cell(self, jobs: Sequence[Job]) -> Cell:
        """Start a process for each side, measure, and end the processes.

        Args:
            jobs: jobs of all sides, with one batch size and number of threads.

        Raises:
            CheckFailedError: if the outputs of an exact compiled model differ.
        """
        with ExitStack() as stack:
            processes = [stack.enter_context(Process(job, self.templates.folder)) for job in jobs]
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
        """Return the memory of each side, the object that checks them, and their checks."""
        memory, files = [], []
        for process in processes:
            answer = process.ask("outputs", str(self.templates.folder))
            memory.append(answer["memory"])
            files.append(answer["files"])
            self.steps()
        checks = Checks(self.templates, processes[0], files[0])
        checked = [checks.of(process, own) for process, own in zip(processes, files, strict=True)]
        return memory, checks, checked

    def _prepared(self, processes: Sequence[Process], checks: Checks) -> list[dict[str, Any]]:
        """Prepare each side and return the answers; pipelines are checked, too."""
        answers = []
        for process in processes:
            answers.append(process.ask("prepare"))
            if answers[-1]["sharing"] is not None:
                checks.of(process, process.ask("pipelined", str(self.templates.folder))["files"])
            self.steps()
        return answers

    def _timed(
        self, processes: Sequence[Process], estimates: Sequence[Sequence[float]]
    ) -> tuple[Timing, ...]:
        """Return the timing of every stage; each round starts with another side."""
        stages = processes[0].job.stages
        sides = list(zip(processes, estimates, strict=True))
        rounds: list[dict[str, list[float]]] = [{p.job.side: [] for p in processes} for _ in stages]
        for number in range(self.rounds):
            for index, (stage, name) in enumerate(stages):
                for process, estimate in rotated(sides, number):
                    runs = self._runs(estimate[index])
                    answer = process.ask("time", stage, name, *runs)
                    rounds[index][process.job.side].append(median(answer["seconds"]))
            for _ in processes:
                self.steps()
        return tuple(
            Timing(stage, name, values)
            for (stage, name), values in zip(stages, rounds, strict=True)
        )

    def _runs(self, estimate: float) -> tuple[int, int]:
        """Return the number of timed runs, and of runs before them to warm up."""
        runs = min(max(math.ceil(self.seconds / estimate), 1), _MOST_RUNS)
        return runs, 1 if runs >= _RUNS_FOR_WARM_UP else 0

    def _nodes(self, process: Process) -> tuple[NodeTime, ...]:
        """Return the times of the nodes of a side."""
        answer = process.ask("profile", _PROFILED_RUNS)
        return tuple(NodeTime(**node) for node in answer["nodes"])
