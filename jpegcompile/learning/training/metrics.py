"""Metrics of every epoch as a CSV file, and for TensorBoard."""

from __future__ import annotations

import csv
import io
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
            done: number of steps so far. Later steps of an interrupted run are hidden.
        """
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(folder, purge_step=done or None)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write values of a step."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def add_epoch(self, step: int, epoch: EpochResult) -> None:
        """Write the values of an epoch."""
        self.add(step, {f"epoch/{name}": value for name, value in row_of(epoch).items()})
        self._writer.flush()

    def close(self) -> None:
        """Finish the event files."""
        self._writer.close()


def require_tensorboard() -> None:
    """Raise an error if TensorBoard is not installed.

    Raises:
        AccessError: if it is not installed.
    """
    if find_spec("tensorboard") is None:
        raise AccessError(
            Message(
                "tensorboard-missing",
                "--tensorboard needs tensorboard, which is not installed; run pip install"
                " 'jpegcompile[tensorboard]', or use --metrics",
            )
        )
