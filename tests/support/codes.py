"""Refusals by their stable codes, so that the words of a message may improve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jpegcompile.errors import JpegCompileError


@contextmanager
def refused(
    code: str, kind: type[JpegCompileError] = JpegCompileError
) -> Iterator[pytest.ExceptionInfo[JpegCompileError]]:
    """Expect an error of this code, and of this class, whose message is one printable line."""
    with pytest.raises(kind) as caught:
        yield caught
    assert caught.value.code == code, f"'{caught.value.code}': {caught.value}"
    assert str(caught.value).isprintable()


def code_in(line: str) -> str:
    """Return the code in brackets at the end of a line that a command prints on stderr."""
    _, _, end = line.rstrip().rpartition(" [")
    assert end.endswith("]"), line
    return end.removesuffix("]")
