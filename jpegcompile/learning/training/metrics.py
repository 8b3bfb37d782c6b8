"""Metrics of every epoch as a CSV file, and for TensorBoard."""

from __future__ import annotations

import csv
import errno
import io
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jpegcompile.errors import AccessError
from jpegcompile.files import write_whole
from jpegcompile.messages import Message
from jpegcompile.results.finetuning import EpochResult

COLUMNS = (
    *("epoch", "steps", "images", "learning_rate", "loss", "label_loss", "distill_loss"),
    *("validation_loss", "top1", "top5", "agreement", "seconds", "images_per_second"),
)


def row_of(epoch: EpochResult) -> dict[str, Any]:
    """Return the values of an epoch by column; values that do not exist are missing."""
    values = {name: getattr(epoch, name) for name in COLUMNS if hasattr(epoch, name)}
    if epoch.validation is not None:
        found = epoch.validation
        values |= {"top1": found.top1, "top5": found.top5, "agreement": found.agreement}
        values["validation_loss"] = found.loss
    return {name: value for name, value in values.items() if value is not None}


def write_metrics(path: Path, epochs: Sequence[EpochResult]) -> None:
    """Write a CSV file with a row for every epoch so far.

    Raises:
        AccessError: if the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(row_of, epochs))
    write_whole(path, text.getvalue().encode())


class Board:
    """Writes scalars for TensorBoard: of every epoch, and the loss of steps.

    `SummaryWriter` of PyTorch writes in a thread, which prints a traceback if the disk is full.
    """

    def __init__(self, folder: Path, done: int) -> None:
        """Open an event file.

        Args:
            folder: folder of the event files; created if it does not exist.
            done: number of steps so far. TensorBoard hides later steps of earlier runs in the
                folder, which an interrupted run repeats.

        Raises:
            AccessError: if the file cannot be written.
        """
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        name = f"events.out.tfevents.{time.time_ns()}.{platform.node()}.{os.getpid()}"
        self._folder, self._step = folder, done
        with self._writing():
            folder.mkdir(parents=True, exist_ok=True)
            self._records = RecordWriter((folder / name).open("xb"))
        self._write(file_version="brain.Event:2")
        self._write(done + 1, session_log=SessionLog(status=SessionLog.START))

    def add_step(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step, unless they are there already.

        Raises:
            AccessError: if the file cannot be written.
        """
        if step > self._step:
            self._add("step", values, step)
            self._step = step

    def add_epoch(self, step: int, epoch: EpochResult) -> None:
        """Write the values of an epoch; otherwise as `add_step`."""
        self._add("epoch", row_of(epoch), step)

    def close(self) -> None:
        """Finish the event file; otherwise as `add_step`."""
        with self._writing():
            self._records.close()

    def _add(self, group: str, values: Mapping[str, float], step: int) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=f"{group}/{n}", simple_value=v) for n, v in values.items()]
        self._write(step, summary=Summary(value=scalars))

    def _write(self, step: int = 0, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(wall_time=time.time(), step=step, **content)
        with self._writing():
            self._records.write(event.SerializeToString())
            self._records.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise AccessError(
                Message(
                    "tensorboard-write-failed",
                    f"{self._folder}: cannot write event files: {error.strerror}; free some space,"
                    " or give another --tensorboard",
                )
            ) from error


def require_tensorboard(folder: Path) -> None:
    """Raise an error if event files for TensorBoard cannot be written.

    Args:
        folder: folder of the event files, which is created with its parents.

    Raises:
        AccessError: if TensorBoard is not installed, or the folder cannot be created or written.
    """
    if find_spec("tensorboard") is None:
        raise AccessError(
            Message(
                "tensorboard-missing",
                "--tensorboard needs tensorboard, which is not installed; run pip install"
                " 'jpegcompile[tensorboard]', or use --metrics",
            )
        )
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return
    reason = os.strerror(errno.EACCES if there.is_dir() else errno.ENOTDIR)
    raise AccessError(
        Message(
            "tensorboard-folder",
            f"{folder}: cannot write event files: {there}: {reason}; give another --tensorboard",
        )
    )
