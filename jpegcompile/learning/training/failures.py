"""Errors of PyTorch whose causes are outside of it: too little memory, and processes that end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from jpegcompile.errors import AccessError
from jpegcompile.messages import Message

# What PyTorch's allocator for the CPU says, which is a plain RuntimeError.
_ON_CPU = "can't allocate memory"
# A signal handler of PyTorch raises this error at any place of the main thread. If the process ends
# while it hands over a batch, the connection to it ends first.
_READING = "DataLoader worker"


@contextmanager
def naming_failures(batch: int) -> Iterator[None]:
    """Raise an error of this package if memory is exhausted, or a process that reads has ended.

    Args:
        batch: images per step, for the message.

    Raises:
        AccessError: if memory is exhausted, or a process of --workers has ended.
    """
    try:
        yield
    except (MemoryError, RuntimeError, ConnectionResetError, EOFError) as error:
        if _READING in str(error) or isinstance(error, ConnectionResetError | EOFError):
            raise AccessError(
                Message(
                    "reading-process-lost",
                    "a process of --workers has ended, perhaps for lack of memory; give fewer"
                    " --workers or a smaller --batch",
                )
            ) from error
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not known and _ON_CPU not in str(error):
            raise
        raise AccessError(
            Message(
                "learning-memory-exhausted",
                f"out of memory with --batch {batch}; give a smaller --batch, --amp or a lower"
                " --resolution",
            )
        ) from error
