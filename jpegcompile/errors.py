"""The errors that jpegcompile raises on purpose, and the exit code of each on the command line.

A message is one line: what happened, where, and what to do. It has a stable code
(`jpegcompile.messages`).
"""

from __future__ import annotations

from typing import ClassVar

from jpegcompile.messages import Message, code_of


def one_line(error: BaseException) -> str:
    """Return the message of another library's error on one line, or its class without one."""
    return " ".join(str(error).split()) or type(error).__name__


def _printable(text: str) -> str:
    """Return a text with its control characters escaped, so that it stays on one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class JpegCompileError(Exception):
    """Base class of all errors raised on purpose.

    Attributes:
        exit_code: exit code of the command line.
        code: stable code of the message; empty if the message is plain text.
    """

    exit_code: ClassVar[int] = 3
    code: str

    def __init__(self, message: str = "") -> None:
        """Create an error; unprintable characters of the message are escaped."""
        super().__init__(_printable(message))
        self.code = code_of(message)


class CheckFailedError(JpegCompileError):
    """A check that the user requested failed (verify tolerance, compare threshold)."""

    exit_code = 1


class UsageError(JpegCompileError):
    """The arguments do not fit together or do not fit the model."""

    exit_code = 2


class UnsupportedModelError(JpegCompileError):
    """The model cannot be read, or a part of it cannot be compiled."""

    exit_code = 3


class ImageError(JpegCompileError):
    """An image, or other input data, is damaged or of an unsupported kind."""

    exit_code = 4


class AccessError(JpegCompileError):
    """The environment failed: a missing file, no permission, a full disk."""

    exit_code = 5


class InternalError(JpegCompileError):
    """An invariant was broken: a defect of jpegcompile, never of its input."""

    exit_code = 70


def kind_of(error: JpegCompileError) -> str:
    """Return the name of an error's class here; an error of another module counts as its base."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == __name__)


def rebuilt(kind: str, code: str, text: str) -> JpegCompileError:
    """Return an error of another process.

    Args:
        kind: of the error (`kind_of`).
        code: of its message; empty for plain text.
        text: its message.
    """
    error = globals()[kind](Message.stored(code, text))
    assert isinstance(error, JpegCompileError)
    return error


class FallbackWarning(UserWarning):
    """ONNX Runtime has CUDA, but another requirement is missing, so the model runs on the CPU."""


class RenamedWarning(FutureWarning):
    """The caller uses an old name of an option, which the next version does not accept."""
