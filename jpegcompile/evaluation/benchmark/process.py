"""The other end of `worker`: a process with one model, and what it is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from jpegcompile import errors
from jpegcompile.errors import AccessError, InternalError
from jpegcompile.evaluation.benchmark.job import Job

_MODULE = "jpegcompile.evaluation.benchmark.worker"


class Process:
    """A worker; as a context it ends when that is left.

    Attributes:
        job: that it does.
        creation: seconds that opening its model took.
        outputs: names of the model's outputs.
    """

    def __init__(self, job: Job, folder: Path) -> None:
        """Start it and have it open its model; `folder` takes what it prints.

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
        """The process itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self.end()

    def ask(self, command: str, *arguments: Any) -> dict[str, Any]:
        """The answer to a command, one of the methods of `Worker`.

        Raises:
            JpegCompileError: as the command raises it there.
            AccessError: if the system ended the process, as it does where memory runs out.
            InternalError: if it ended by itself.
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
            name, message = answer["error"]
            raise getattr(errors, name)(message)
        return answer

    def end(self) -> None:
        """Stop it, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._process.wait()

    def _death(self) -> errors.JpegCompileError:
        code = self._process.wait()
        if code == -9:
            return AccessError(
                f"{self.job.model}: the process that was timed was killed, as happens where memory"
                " runs out; give smaller batches with --batch"
            )
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        return InternalError(
            f"{self.job.model}: the process that was timed ended with code {code}: {last.strip()}"
        )
