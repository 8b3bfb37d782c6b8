"""Metrics of every epoch as a CSV file, and for TensorBoard."""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Mapping, Sequence
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
    """Writes scalars for TensorBoard: of every epoch, and the loss of steps."""

    def __init__(self, folder: Path, done: int) -> None:
        """Open the event files.

        Args:
            folder: folder of the event files; created if it does not exist.
            done: number of steps so far. TensorBoard hides later steps of earlier runs in the
                folder, which an interrupted run repeats.
        """
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(folder, purge_step=done + 1)
        self._step = done

    def add_step(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step, unless they are there already."""
        if step > self._step:
            self._add("step", values, step)
            self._step = step

    def add_epoch(self, step: int, epoch: EpochResult) -> None:
        """Write the values of an epoch."""
        self._add("epoch", row_of(epoch), step)
        self._writer.flush()

    def _add(self, group: str, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Finish the event files."""
        self._writer.close()


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
