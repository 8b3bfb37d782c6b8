"""Unusable samples in a cache: the error that reading them raised."""

from __future__ import annotations

import json

from jpegcompile.data.sample import Sample
from jpegcompile.errors import AccessError, ImageError, kind_of
from jpegcompile.messages import Message

Error = ImageError | AccessError

_KINDS: dict[str, type[ImageError] | type[AccessError]] = {
    "ImageError": ImageError,
    "AccessError": AccessError,
}


def payload_of(sample: Sample, error: Error) -> bytes:
    """Return the payload of an unusable sample.

    Args:
        sample: the sample.
        error: why it is unusable. Its message may begin with the name of the sample.
    """
    text = str(error)
    for name in ("bytes", sample.name):
        text = text.removeprefix(f"{name}: ")
    return json.dumps([kind_of(error), error.code, text, sample.name]).encode("ascii")


def problem_of(payload: bytes) -> tuple[type[ImageError] | type[AccessError], Message, str]:
    """Return the class of the error, the reason, and the name of the sample.

    Raises:
        ValueError, RecursionError: if the payload has another form.
    """
    found = json.loads(payload.decode("ascii"))
    if not isinstance(found, list) or [type(one) for one in found] != [str] * 4:
        raise ValueError("is not a list of four texts")
    kind, code, text, name = found
    if kind not in _KINDS or not text.isprintable() or not name.isprintable():
        raise ValueError("has no error of an image")
    reason = Message.stored(code, text)
    if not isinstance(reason, Message):
        raise ValueError("has no code")
    return _KINDS[kind], reason, name


def error_of(payload: bytes) -> Error:
    """Return the error of an unusable sample.

    Raises:
        ValueError, RecursionError: if the payload has another form.
    """
    kind, reason, name = problem_of(payload)
    return kind(Message(reason.code, f"{name}: {reason}"))
