"""Checkpoints: everything that a run needs to continue as if it had never stopped.

The file is a `torch.save` of tensors, numbers, texts and lists, so reading it runs no code. It
contains the state as bytes, with a hash, because `torch.load` does not notice changed bits. Random
numbers need no state: every step seeds them from the seed, the rank and the number of the step.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch

from jpegcompile.errors import AccessError, UsageError, one_line
from jpegcompile.files import write_together, writing
from jpegcompile.jpeg.packed_image import Buffer
from jpegcompile.messages import Message

FORMAT = 2
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
        identity, content = json.dumps(self.identity), _saved(dict(state))
        whole = {
            "format": FORMAT,
            "identity": identity,
            "hash": _hash_of(identity, content),
            "state": torch.frombuffer(content, dtype=torch.uint8),
        }
        # torch.save would hide the error of a full disk.
        write_together([(self.path, writing(_saved(whole)))])

    def read(self) -> dict[str, Any]:
        """Return the state that was written, with its tensors in CPU memory.

        Raises:
            AccessError: if the file cannot be read, or is not a checkpoint.
            UsageError: if the checkpoint belongs to another run.
        """
        data = _loaded(self.path, self.path)
        if not {"format", "identity"} <= data.keys():
            raise _no_checkpoint(self.path, "it was not written by finetune")
        if data["format"] != FORMAT:
            raise UsageError(
                Message(
                    "checkpoint-format",
                    f"{self.path}: has format {data['format']}, and this version reads format"
                    f" {FORMAT}; use the version that wrote it, or remove the file",
                )
            )
        identity, content = data["identity"], data.get("state")
        state = content.numpy().tobytes() if isinstance(content, torch.Tensor) else b""
        if _hash_of(str(identity), state) != data.get("hash"):
            raise _no_checkpoint(self.path, "its content does not have its hash")
        self._require_same(json.loads(identity))
        return _loaded(self.path, io.BytesIO(state))

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


def _saved(data: dict[str, Any]) -> memoryview:
    stream = io.BytesIO()
    torch.save(data, stream)
    return stream.getbuffer()


def _loaded(path: Path, source: Path | io.BytesIO) -> dict[str, Any]:
    """Read a file that `torch.save` wrote, or its content.

    Args:
        path: path of the file, for messages.
        source: what to read.
    """
    try:
        data = torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise AccessError(
            Message(
                "checkpoint-unreadable", f"{path}: cannot read: {error.strerror}; check the path"
            )
        ) from error
    except Exception as error:
        # The reader of torch raises errors of many kinds for damaged files.
        raise _no_checkpoint(path, one_line(error)) from error
    if not isinstance(data, dict):
        raise _no_checkpoint(path, "it contains no state")
    return data


def _hash_of(identity: str, content: Buffer) -> str:
    digest = blake2b(identity.encode(), digest_size=16)
    digest.update(content)
    return digest.hexdigest()


def _no_checkpoint(path: str | os.PathLike[str], reason: str) -> AccessError:
    text = f"{path}: is no checkpoint: {reason[:200]}; remove it, or give another --checkpoint"
    return AccessError(Message("checkpoint-damaged", text))


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."
