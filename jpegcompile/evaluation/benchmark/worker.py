"""A process that holds one model and runs it when it is told to.

    python -P -m jpegcompile.evaluation.benchmark.worker < commands > answers

Commands and answers are JSON, one a line; the first command is the job. Between commands it waits
in a read, and it answers only when its threads are quiet: those of ONNX Runtime spin for some
45 ms behind a run, in which they would take a core from the side that is timed next.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import IO, Any

import numpy as np

from jpegcompile.errors import AccessError, JpegCompileError
from jpegcompile.evaluation.benchmark.ahead import Overlap, fastest, read_ahead
from jpegcompile.evaluation.benchmark.any_size import AnySizePipeline
from jpegcompile.evaluation.benchmark.job import PIPELINED, InputSet, Job, job_of
from jpegcompile.evaluation.benchmark.model import opener_of
from jpegcompile.evaluation.benchmark.pipelines import Array, Stages
from jpegcompile.evaluation.benchmark.profile import profile
from jpegcompile.evaluation.benchmark.timed import InTurn, Overlapping, Timed

# Idle is less than a twentieth of a core over this time. Something is wrong with a process that
# is not after the longest wait, but then it is timed as it is.
_QUIET, _LONGEST_WAIT = 0.02, 2.0


class Worker:
    """One side at one batch size, as `job` says."""

    def __init__(self, job: Job) -> None:
        """Open the model."""
        self.job = job
        open_model = opener_of(job)
        self.base = _peak_memory()
        start = perf_counter()
        self._model = open_model()
        self.creation = perf_counter() - start
        self._whole = self._model.pipeline(with_parts=False)
        self._timed: dict[tuple[str, str | None], Timed] = {}
        self._overlap: Overlap | None = None

    def opened(self) -> dict[str, Any]:
        """Seconds that opening took, and names of the outputs."""
        return {"creation": self.creation, "outputs": self._model.output_names}

    def outputs(self, folder: str) -> dict[str, Any]:
        """Run every batch of every set whole; writes the outputs and says the peak of memory.

        Nothing but the whole model was run until then, so the peak is that of using it.
        """
        whole, takes_files = self._whole, self.job.takes_files
        results = [
            [whole.end_to_end(batch) for batch in inputs.file_batches(self.job.batch)]
            if takes_files
            else [whole.network(batch) for batch in inputs.tensor_batches(self.job.batch)]
            for inputs in self.job.sets
        ]
        memory = {"base": self.base, "peak": _peak_memory()}
        return {"memory": memory, "files": self._write(results, folder, "outputs")}

    def exact(self, folder: str) -> dict[str, Any]:
        """Outputs of the original for the float decode of the files, written likewise."""
        results = [
            [self._whole.network(batch) for batch in inputs.tensor_batches(self.job.batch)]
            for inputs in self.job.sets
        ]
        return {"files": self._write(results, folder, "exact")}

    def prepare(self) -> dict[str, Any]:
        """Make the inputs of every stage and run it once; says the seconds and the sharing."""
        pipeline = self._model.pipeline(with_parts=True)
        self._overlap = overlap = self._chosen(pipeline)
        by_name = {inputs.name: inputs for inputs in self.job.sets}
        seconds = []
        for stage, name in self.job.stages:
            # The network does the same work whatever it is fed.
            inputs = by_name.get(name or "", self.job.sets[0])
            timed: Timed
            if stage == PIPELINED:
                assert overlap is not None
                timed = Overlapping(overlap, inputs.file_batches(self.job.batch))
            else:
                timed = self._in_turn(pipeline, stage, inputs)
            self._timed[stage, name] = timed
            seconds.append(timed.estimate())
        return {"seconds": seconds, "sharing": overlap and asdict(overlap.sharing)}

    def pipelined(self, folder: str) -> dict[str, Any]:
        """Outputs of the pipeline for every batch of every set, written as `outputs` does."""
        overlap, size = self._overlap, self.job.batch
        assert overlap is not None
        results = [
            [overlap.finish(made) for made in read_ahead(overlap.read, inputs.file_batches(size))]
            for inputs in self.job.sets
        ]
        return {"files": self._write(results, folder, "pipelined")}

    def _chosen(self, pipeline: Stages) -> Overlap | None:
        """The way to overlap that is fastest for the first inputs; None where none is timed."""
        if not isinstance(pipeline, AnySizePipeline) or not pipeline.overlaps:
            return None
        return fastest(pipeline.overlaps, self.job.sets[0].file_batches(self.job.batch))

    def _in_turn(self, pipeline: Stages, stage: str, inputs: InputSet) -> InTurn:
        size = self.job.batch
        if self.job.takes_files:
            return InTurn([pipeline.step(stage, batch) for batch in inputs.file_batches(size)])
        return InTurn([partial(pipeline.network, b) for b in inputs.tensor_batches(size)])

    def time(self, stage: str, name: str | None, runs: int, warm_up: int) -> dict[str, Any]:
        """Seconds of a batch in each of `runs` runs of a stage, or over all of them."""
        return {"seconds": self._timed[stage, name].seconds(runs, warm_up)}

    def profile(self, runs: int) -> dict[str, Any]:
        """Times of the nodes of the whole model for a batch; see `profile`."""
        return {"nodes": [asdict(time) for time in profile(self.job, runs)]}

    def _write(self, results: list[list[list[Array]]], folder: str, name: str) -> list[str]:
        """One file for each set, with the outputs in order."""
        paths = []
        for index, runs in enumerate(results):
            path = Path(folder) / f"{self.job.side}-{name}-{index}.npz"
            columns = [np.concatenate(parts) for parts in zip(*runs, strict=True)]
            np.savez(path, *columns)
            paths.append(str(path))
        return paths


def _peak_memory() -> int | None:
    """The most resident memory that this process has had, in bytes; None where nothing tells it."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    lines = (line for line in text.splitlines() if line.startswith("VmHWM:"))
    line = next(lines, None)
    return None if line is None else 1024 * int(line.split()[1])


def _wait_until_quiet() -> None:
    start = perf_counter()
    while perf_counter() - start < _LONGEST_WAIT:
        busy, since = process_time(), perf_counter()
        sleep(_QUIET)
        if process_time() - busy < 0.05 * (perf_counter() - since):
            return


def serve(commands: IO[str], answers: IO[str]) -> None:
    """Obey commands until there are no more; an error on purpose is the last answer."""
    worker: Worker | None = None
    for line in commands:
        name, arguments = json.loads(line)
        try:
            if worker is None:
                worker = Worker(job_of(arguments[0]))
                answer = worker.opened()
            else:
                answer = getattr(worker, name)(*arguments)
        except JpegCompileError as error:
            answer = {"error": [type(error).__name__, str(error)]}
        except MemoryError:
            text = "out of memory while a model was timed; give smaller batches with --batch"
            answer = {"error": [AccessError.__name__, text]}
        _wait_until_quiet()
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Serve whoever started this process; an interrupt is theirs to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What libraries print must not get among the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
