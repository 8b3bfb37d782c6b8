"""A worker process, which opens one model and runs it on command.

    python -P -m jpegcompile.evaluation.benchmark.worker < commands > answers

Commands and answers are lines of JSON; the first command contains the job. The process answers only
when its threads are quiet: threads of ONNX Runtime spin for about 45 ms after a run and would take
a core from the side that is timed next.
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
from jpegcompile.evaluation.benchmark.job import PIPELINED, Failure, InputSet, Job, job_of
from jpegcompile.evaluation.benchmark.model import opener_of
from jpegcompile.evaluation.benchmark.pipelines import Array, Stages
from jpegcompile.evaluation.benchmark.profile import profile
from jpegcompile.evaluation.benchmark.timed import InTurn, Overlapping, Timed
from jpegcompile.messages import Message

# A process is quiet if it uses less than a twentieth of a core over this many seconds. After the
# longest wait, the process answers even if it is not quiet.
_QUIET, _LONGEST_WAIT = 0.02, 2.0


class Worker:
    """The side, batch size and number of threads of a job."""

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
        """Return the seconds to open the model, and the names of its outputs."""
        return {"creation": self.creation, "outputs": self._model.output_names}

    def outputs(self, folder: str) -> dict[str, Any]:
        """Run the whole model on every batch of every set, and write the outputs.

        Nothing else has run before, so the peak of memory belongs to the whole model.

        Returns:
            The peak of memory, and the files of outputs.
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
        """Write the outputs of the original for the float decode of the files."""
        results = [
            [self._whole.network(batch) for batch in inputs.tensor_batches(self.job.batch)]
            for inputs in self.job.sets
        ]
        return {"files": self._write(results, folder, "exact")}

    def prepare(self) -> dict[str, Any]:
        """Prepare the inputs of every stage and run every stage once.

        Returns:
            Estimated seconds of every stage, and the division of threads.
        """
        pipeline = self._model.pipeline(with_parts=True)
        self._overlap = overlap = self._chosen(pipeline)
        by_name = {inputs.name: inputs for inputs in self.job.sets}
        seconds = []
        for stage, name in self.job.stages:
            # The work of the network does not depend on its inputs.
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
        """Write the outputs of the overlapping pipeline for every batch of every set."""
        overlap, size = self._overlap, self.job.batch
        assert overlap is not None
        results = [
            [overlap.finish(made) for made in read_ahead(overlap.read, inputs.file_batches(size))]
            for inputs in self.job.sets
        ]
        return {"files": self._write(results, folder, "pipelined")}

    def _chosen(self, pipeline: Stages) -> Overlap | None:
        """Return the fastest overlap for the first inputs; None if no overlap is timed."""
        if not isinstance(pipeline, AnySizePipeline) or not pipeline.overlaps:
            return None
        return fastest(pipeline.overlaps, self.job.sets[0].file_batches(self.job.batch))

    def _in_turn(self, pipeline: Stages, stage: str, inputs: InputSet) -> InTurn:
        size = self.job.batch
        if self.job.takes_files:
            return InTurn([pipeline.step(stage, batch) for batch in inputs.file_batches(size)])
        return InTurn([partial(pipeline.network, b) for b in inputs.tensor_batches(size)])

    def time(self, stage: str, name: str | None, runs: int, warm_up: int) -> dict[str, Any]:
        """Measure a stage.

        Args:
            stage: name of the stage.
            name: name of the input set; None for a stage that does not depend on the inputs.
            runs: number of measured runs.
            warm_up: number of runs before the measurement.

        Returns:
            The seconds of a batch in each run, or their mean.
        """
        return {"seconds": self._timed[stage, name].seconds(runs, warm_up)}

    def profile(self, runs: int) -> dict[str, Any]:
        """Return the times of the nodes of the whole model for a batch; see `profile`."""
        return {"nodes": [asdict(time) for time in profile(self.job, runs)]}

    def _write(self, results: list[list[list[Array]]], folder: str, name: str) -> list[str]:
        """Write a file for each set, with the outputs in order, and return the paths."""
        paths = []
        for index, runs in enumerate(results):
            path = Path(folder) / f"{self.job.side}-{name}-{index}.npz"
            columns = [np.concatenate(parts) for parts in zip(*runs, strict=True)]
            np.savez(path, *columns)
            paths.append(str(path))
        return paths


def _peak_memory() -> int | None:
    """Return the largest resident memory of this process so far, bytes; None if unknown."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    lines = (line for line in text.splitlines() if line.startswith("VmHWM:"))
    line = next(lines, None)
    return None if line is None else 1024 * int(line.split()[1])


def _wait_until_quiet() -> None:
    """Wait until the threads of this process do not spin."""
    start = perf_counter()
    while perf_counter() - start < _LONGEST_WAIT:
        busy, since = process_time(), perf_counter()
        sleep(_QUIET)
        if process_time() - busy < 0.05 * (perf_counter() - since):
            return


def serve(commands: IO[str], answers: IO[str]) -> None:
    """Execute commands until there are no more; the answer to a failed command is its error."""
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
            failure = Failure.of(error)
            answer = {"error": asdict(failure)}
        except MemoryError:
            text = "memory ran out while a model was timed; give smaller batches with --batches"
            message = Message("bench-out-of-memory", text)
            answer = {"error": asdict(Failure(AccessError.__name__, message.code, message))}
        _wait_until_quiet()
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Serve the process that started this one, which also handles interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries that print must not write among the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
