"""The function `bench`: both pipelines, checked and then timed in turn, each in its own process."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.benchmark.inputs import Inputs, gather
from jpegcompile.evaluation.benchmark.job import COMPILED, PORTABLE, SPATIAL, InputSet, Job
from jpegcompile.evaluation.benchmark.operators import NodeTime
from jpegcompile.evaluation.benchmark.process import Process
from jpegcompile.evaluation.benchmark.results import Benchmark, Cell, Side, Timing
from jpegcompile.evaluation.measure import Meter, Verification
from jpegcompile.evaluation.verify import (
    ABSOLUTE_TOLERANCE,
    HALF_TOLERANCE,
    RELATIVE_TOLERANCE,
    Progress,
    is_half_precision,
    require_passed,
    require_same_source,
)
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.runtime.coefficients import available_processors
from jpegcompile.runtime.cut import begin_at, end_at
from jpegcompile.runtime.native import execution_of
from jpegcompile.runtime.opening import read_compiled
from jpegcompile.runtime.session import Session

BATCHES, THREADS = (1, 8), (1, 2)
ROUNDS, SECONDS = 5, 0.25
_PROFILED_RUNS = 10
_MOST_RUNS = 1000
# The first of few long runs is as good as the others; one that goes before costs as much.
_RUNS_FOR_WARM_UP = 4


def bench(
    original: str | os.PathLike[str],
    compiled: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    *,
    batches: Sequence[int] | None = None,
    threads: Sequence[int] = THREADS,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    per_op: bool = False,
    portable: bool = False,
    progress: Progress | None = None,
) -> Benchmark:
    """Time the original model behind Pillow and NumPy against the compiled model.

    Args:
        original: path of the source model.
        compiled: path of the compiled model.
        images: folder of JPEG files of the network's size. Without it a model for coefficients is
            timed with files made for the purpose, of quality 75 and 90, and one for tensors with
            random tensors.
        batches: inputs of a run; 1 and 8, or what the model is bound to, if not given.
        threads: of ONNX Runtime, and of decoding; every number is timed with every batch size.
        rounds: how often each side is timed, in turn with the others.
        seconds: how long it runs each time, at least once.
        per_op: whether to time every node, too.
        portable: whether to time the compiled model without native kernels as well.
        progress: called with (done, total).

    Raises:
        CheckFailedError: if outputs are not those of the original; nothing is timed then.
        UsageError: if arguments do not fit the models.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read.
        UnsupportedModelError: if a model cannot be run.
    """
    _require_positive(batches or (), threads, rounds, seconds)
    with tempfile.TemporaryDirectory(prefix="jpegcompile-bench-") as name:
        session, source = Session(compiled, threads=1), load_source(original)
        require_same_source(source, session)
        if portable and session.info.target == "onnx":
            raise UsageError(f"{compiled}: has standard operators only; leave --portable out")
        sizes = _batch_sizes(session, source, batches)
        inputs = gather(session, images, sizes, Path(name))
        plan = _plan(session, source, os.fspath(original), inputs, Path(name), portable)
        execution, mode = session.execution, session.info.input.mode
        if mode == "jpeg" and execution.library is not None:
            # The whole file is run here, as any program runs it.
            execution = execution_of(read_compiled(compiled)[0])
        # Their memory is not wanted while others are timed.
        del session, source
        jobs = [plan.jobs(batch, count) for batch in sizes for count in threads]
        steps = _Steps(progress, sum((2 + rounds) * len(sides) for sides in jobs))
        timer = _Timer(plan, rounds, seconds, per_op, steps)
        cells = tuple(timer.cell(sides) for sides in jobs)
        return Benchmark(
            original=os.fspath(original),
            compiled=os.fspath(compiled),
            mode=mode,
            execution=execution,
            cpus=available_processors(),
            onnxruntime=ort.__version__,
            rounds=rounds,
            inputs={s.name: (len(np.load(s.tensors, "r")), _mean_bytes(s)) for s in inputs.sets},
            files=inputs.files,
            left_out=inputs.left_out,
            cells=cells,
        )


@dataclass(frozen=True)
class _Plan:
    """What all processes of a benchmark share.

    Attributes:
        folder: for files that are written on the way.
        templates: a job for each side, without batch and threads.
        is_exact: whether the compiled model must give the original's answers.
        relative: tolerance of an output, as a fraction of its largest magnitude.
        is_half: whether the network is in float16.
    """

    folder: Path
    templates: tuple[Job, ...]
    is_exact: bool
    relative: float
    is_half: bool

    def jobs(self, batch: int, threads: int) -> list[Job]:
        """A job for each side, the spatial one first."""
        return [replace(job, batch=batch, threads=threads) for job in self.templates]


def _plan(
    session: Session, source: Source, original: str, inputs: Inputs, folder: Path, portable: bool
) -> _Plan:
    info, is_half = session.info, is_half_precision(session.model)
    library = session.execution.library
    shared = Job(
        side=SPATIAL,
        model=original,
        folder=None,
        library=None,
        batch=0,
        threads=0,
        image=info.input,
        preprocess=info.preprocess,
        ingest=None,
        network=None,
        parts_folder=None,
        sets=inputs.sets,
    )
    spatial = shared
    if source.integer_pixels is not None:
        # The float decode, with which it is checked, is not of integers.
        floats = folder / "original.onnx"
        floats.write_bytes(source.model.SerializeToString())
        spatial = replace(shared, model=str(floats), folder=str(source.folder or folder))
    # External weights lie beside the file that a link leads to.
    path = os.path.realpath(session.path)
    compiled = replace(shared, side=COMPILED, model=path, library=library)
    without = replace(compiled, side=PORTABLE, library=None)
    if info.input.mode == "jpeg":
        # What has no native kernels takes coefficients, as `Session` has it.
        behind = folder / "coefficients.onnx"
        behind.write_bytes(session.model.SerializeToString())
        without = replace(
            without,
            model=str(behind),
            folder=str(session.folder.absolute()),
            image=replace(info.input, mode="coefficients"),
        )
        if library is None:
            compiled = replace(without, side=COMPILED)
    if info.input.ingest_output is not None:
        ingest, network = folder / "ingest.onnx", folder / "network.onnx"
        begin = info.input.ingest_output
        ingest.write_bytes(end_at(session.model, begin).SerializeToString())
        network.write_bytes(begin_at(session.model, begin, info.input).SerializeToString())
        compiled, without = (
            replace(
                side,
                ingest=str(ingest),
                network=str(network),
                parts_folder=str(session.folder.absolute()),
            )
            for side in (compiled, without)
        )
    return _Plan(
        folder=folder,
        templates=(spatial, compiled, without) if portable else (spatial, compiled),
        is_exact=info.frequencies is None,
        relative=HALF_TOLERANCE if is_half else RELATIVE_TOLERANCE,
        is_half=is_half,
    )


class _Steps:
    """Progress in steps of equal size."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def done(self) -> None:
        """Another one."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


@dataclass(frozen=True)
class _Timer:
    """Checks and times the sides at one batch size and one number of threads."""

    plan: _Plan
    rounds: int
    seconds: float
    per_op: bool
    steps: _Steps

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
        meter = Meter({}, {})
        for index, paths in enumerate(zip(actual, exact, strict=True)):
            own, expected = (_read_outputs(path, names) for path in paths)
            by_pillow = None if pillow is None else _read_outputs(pillow[index], names)
            meter.outputs(names, own, expected, by_pillow)
            meter.inputs += len(own[names[0]])
        plan = self.plan
        return meter.result(
            ABSOLUTE_TOLERANCE, plan.relative, is_exact=plan.is_exact, is_half=plan.is_half
        )

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


def _batch_sizes(session: Session, source: Source, wanted: Sequence[int] | None) -> Sequence[int]:
    """The sizes wanted, which must be the one that a model is bound to."""
    image = next(v for v in source.model.graph.input if v.name == session.info.input.name)
    fixed = image.type.tensor_type.shape.dim[0].dim_value or session.fixed_batch
    if not fixed:
        return wanted or BATCHES
    if wanted is not None and set(wanted) != {fixed}:
        other = next(size for size in wanted if size != fixed)
        raise UsageError(
            f"{source.name}: is bound to batch {fixed}, so it cannot be timed with {other};"
            " leave --batch out"
        )
    return (fixed,)


def _require_positive(
    batches: Sequence[int], threads: Sequence[int], rounds: int, seconds: float
) -> None:
    """Refuse numbers that nothing could be timed with.

    Raises:
        UsageError: naming the first.
    """
    if not threads:
        raise UsageError("no number of threads is given; give one at least")
    for name, values in (("batch", batches), ("threads", threads), ("rounds", (rounds,))):
        low = next((value for value in values if value < 1), None)
        if low is not None:
            raise UsageError(f"{name} is {low}; give 1 or more")
    if not 0 <= seconds < math.inf:
        raise UsageError(f"seconds is {seconds:g}; give the time of a round, 0 or more")


def _mean_bytes(inputs: InputSet) -> float | None:
    return mean(Path(file).stat().st_size for file in inputs.files) if inputs.files else None
