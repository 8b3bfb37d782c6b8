"""Checkpoints: everything that a run needs to continue as if it had never stopped.

The file is a `torch.save` of tensors, numbers, texts and lists, so reading it runs no code. Random
numbers need no state: every step seeds them from the seed, the rank and the number of the step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from jpegcompile.errors import AccessError, UsageError, one_line
from jpegcompile.files import write_together
from jpegcompile.messages import Message

FORMAT = 1
# Longest value of an option in a message.
_MOST_TEXT = 40


@dataclass(frozen=True)
class CheckpointFile:
    """The file of a run's checkpoints.

    Attributes:
        path: path of the file.
        identity: what determines the learned weights: options, model, teacher, images. JSON-ready.
        every: number of steps between checkpoints; None for checkpoints at ends of epochs only.
    """

    path: Path
    identity: Mapping[str, Any]
    every: int | None = None

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint atomically.

        Raises:
            AccessError: if the file cannot be written.
        """
        whole = {"format": FORMAT, "identity": json.dumps(self.identity), **state}
        write_together([(self.path, lambda stream: torch.save(whole, stream))])

    def read(self) -> dict[str, Any]:
        """Return the state that was written, with its tensors in CPU memory.

        Raises:
            AccessError: if the file cannot be read, or is not a checkpoint.
            UsageError: if the checkpoint belongs to another run.
        """
        data = _loaded(self.path)
        if data["format"] != FORMAT:
            raise UsageError(
                Message(
                    "checkpoint-format",
                    f"{self.path}: has format {data['format']}, and this version reads format"
                    f" {FORMAT}; use the version that wrote it, or remove the file",
                )
            )
        self._require_same(json.loads(data["identity"]))
        return data

    def require_absent(self) -> None:
        """Refuse to overwrite the checkpoint of an earlier run.

        Raises:
            UsageError: if the file exists.
        """
        if self.path.exists():
            raise UsageError(
                Message(
                    "checkpoint-exists",
                    f"{self.path}: exists; add --resume to continue from it, or remove it",
                )
            )

    def _require_same(self, found: Mapping[str, Any]) -> None:
        # In the form of JSON, such as lists instead of tuples.
        wanted = json.loads(json.dumps(self.identity))
        for name in dict.fromkeys((*wanted, *found)):
            before, now = found.get(name), wanted.get(name)
            if before != now:
                raise UsageError(
                    Message(
                        "checkpoint-of-another-run",
                        f"{self.path}: was written with {name} {_short(before)}, and now it is"
                        f" {_short(now)}; give the same model, images and options, or another"
                        " --checkpoint",
                    )
                )


def _loaded(path: Path) -> dict[str, Any]:
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise AccessError(
            Message(
                "checkpoint-unreadable", f"{path}: cannot read: {error.strerror}; check the path"
            )
        ) from error
    except Exception as error:
        # The reader of torch raises errors of many kinds for damaged files.
        raise _no_checkpoint(path, one_line(error)) from error
    if not isinstance(data, dict) or not {"format", "identity"} <= data.keys():
        raise _no_checkpoint(path, "it was not written by finetune")
    return data


def _no_checkpoint(path: str | os.PathLike[str], reason: str) -> AccessError:
    text = f"{path}: is no checkpoint: {reason[:200]}; remove it, or give another --checkpoint"
    return AccessError(Message("checkpoint-damaged", text))


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."
