"""Errors of PyTorch that mean that there is too little memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from jpegcompile.errors import AccessError
from jpegcompile.messages import Message

# What PyTorch's allocator for the CPU says, which is a plain RuntimeError.
_ON_CPU = "can't allocate memory"


@contextmanager
def naming_memory(batch: int) -> Iterator[None]:
    """Raise an error of this package if memory is exhausted.

    Args:
        batch: images per step, for the message.

    Raises:
        AccessError: if memory is exhausted.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
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
