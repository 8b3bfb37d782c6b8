"""Errors for files that the native reader cannot read."""

from __future__ import annotations

from typing import Literal, TypeVar

from jpegcompile.errors import AccessError, ImageError
from jpegcompile.messages import Message

# The kinds of `FailureKind` in coefficients.h.
FailureKind = Literal[
    "access", "memory", "not_jpeg", "damaged", "unsupported", "too_large", "too_many_scans"
]

Error = TypeVar("Error", ImageError, AccessError)


def failure_error(kind: FailureKind, cause: str, name: str) -> ImageError | AccessError:
    """Return the error for a failure of the native reader.

    Args:
        kind: kind of the failure.
        cause: message of the native reader. Advice follows a semicolon, if there is any.
        name: name of the file in messages.
    """
    if kind == "access":
        return unreadable(name, cause)
    advice = "" if ";" in cause else "; give a whole JPEG file"
    text = f"{name}: {cause}{advice}"
    messages = {
        "memory": Message("image-memory-exhausted", text),
        "not_jpeg": Message("jpeg-not-recognized", text),
        "damaged": Message("jpeg-damaged", text),
        "unsupported": Message("jpeg-kind-unsupported", text),
        "too_large": Message("jpeg-too-large", text),
        "too_many_scans": Message("jpeg-too-many-scans", text),
    }
    return ImageError(messages[kind])


def unreadable(name: str, cause: str | None) -> AccessError:
    """Return the error for an image file that the system cannot read.

    Args:
        name: name of the file in messages.
        cause: the system's message, or a message with advice after a semicolon.
    """
    cause = cause or ""
    text = cause if ";" in cause else f"cannot read: {cause}; check the path"
    return AccessError(Message("image-unreadable", f"{name}: {text}"))


def renamed(error: Error, old: str, new: str) -> Error:
    """Return an error about a file under another name.

    Args:
        error: an error whose message begins with the name of the file.
        old: name of the file in `error`.
        new: name of the file in the result.
    """
    reason = str(error).removeprefix(f"{old}: ")
    return type(error)(Message(error.code, f"{new}: {reason}"))
