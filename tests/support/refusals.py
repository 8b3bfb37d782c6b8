"""Errors that the compiler raises on purpose."""

from __future__ import annotations

from typing import Any

import pytest

import jpegcompile
from jpegcompile.errors import JpegCompileError


def refusal(kind: type[JpegCompileError], model: Any, **options: Any) -> str:
    """The message of an error of that kind, which is one line."""
    with pytest.raises(kind) as caught:
        jpegcompile.compile(model, **{"input": "tensor", **options})
    message = str(caught.value)
    assert message.isprintable()
    return message
