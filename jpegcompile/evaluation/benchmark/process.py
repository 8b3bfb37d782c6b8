"""A worker process, seen from the process that measures."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from jpegcompile.errors import AccessError, InternalError, JpegCompileError, rebuilt
from jpegcompile.evaluation.benchmark.job import Failure, Job
from jpegcompile.messages import Message

_MODULE = "jpegcompile.evaluation.benchmark.worker"


class Process:
    """A worker process. As a context manager, it ends the process with the context.

    Attributes:
        job: job of the process.
        creation: seconds to open the model.
        outputs: names of the model's outputs.
    """

    def __init__(self, job: Job, folder: Path) -> None:
        """Start the process, which opens its model; its log is a file in `folder`.

        Raises:
            AccessError, UnsupportedModelError: if the model cannot be opened.
        """
        self.job = job
        self._log = folder / f"{job.side}-{job.batch}-{job.threads}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        try:
            opened = self.ask("open", job.to_json())
        except BaseException:
            self.end()
            raise
        self.creation: float = opened["creation"]
        self.outputs: list[str] = opened["outputs"]

    def __enter__(self) -> Process:
        """Return the process itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self.end()

    def ask(self, command: str, *arguments: Any) -> dict[str, Any]:
        """Return the answer to a command.

        Args:
            command: name of a method of `Worker`, or "open".
            arguments: JSON-ready arguments of the method.

        Raises:
            JpegCompileError: if the command raises it in the process.
            AccessError: if the system killed the process, which happens if memory runs out.
            InternalError: if the process ended otherwise.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps([command, arguments]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise self._death()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            failure = Failure(**answer["error"])
            raise rebuilt(failure.kind, failure.code, failure.text)
        return answer

    def end(self) -> None:
        """Kill the process if it runs, and wait for its end."""
        if self._process.poll() is None:
            self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._process.wait()

    def _death(self) -> JpegCompileError:
        """Return the error for a process that ended."""
        code = self._process.wait()
        if code == -9:
            text = (
                f"{self.job.model}: the worker process was killed, probably because memory ran out;"
                " give smaller batches with --batches"
            )
            return AccessError(Message("bench-process-killed", text))
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "no output")
        text = (
            f"{self.job.model}: the worker process ended with code {code}: {last.strip()}; please"
            " report it"
        )
        return InternalError(Message("bench-process-ended", text))
