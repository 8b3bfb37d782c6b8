"""Errors that cross from a worker process of PyTorch's `DataLoader` to the main process.

`DataLoader` raises the class of a worker's error again, with one argument: a text that ends with
the worker's traceback. An error would lose its code, and its message would become a traceback. So
workers raise a class that makes the original error from such a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jpegcompile.errors import JpegCompileError, kind_of, rebuilt


class PassedOnError(Exception):
    """An error in a worker. Its only argument is JSON: class, code and text of the error."""

    def __new__(cls, text: str) -> Any:
        """Return the error that a traceback ends with; for plain JSON, an exception with it."""
        before, _, described = text.strip().rpartition(f"{cls.__name__}: ")
        return rebuilt(*json.loads(described)) if before else super().__new__(cls, text)


@contextmanager
def passing_on() -> Iterator[None]:
    """Raise errors of jpegcompile as `PassedOnError`."""
    try:
        yield
    except JpegCompileError as error:
        described = json.dumps([kind_of(error), error.code, str(error)])
        raise PassedOnError(described) from None
