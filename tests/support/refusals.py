"""Errors that the compiler raises on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from support.codes import refused

import jpegcompile
from jpegcompile.errors import JpegCompileError


def refusal(kind: type[JpegCompileError], model: Any, **options: Any) -> str:
    """Compile a model, expect an error of that class, and return its one-line message."""
    with pytest.raises(kind) as caught:
        jpegcompile.compile(model, **{"input": "tensor", **options})
    message = str(caught.value)
    assert message.isprintable()
    return message


def refused_model(code: str, kind: type[JpegCompileError], model: Any, **options: Any) -> str:
    """Compile a model, expect an error of that code and class, and return its message."""
    with refused(code, kind) as caught:
        jpegcompile.compile(model, **{"input": "tensor", **options})
    return str(caught.value)
