"""Modules that the verifier must reject, by the code of the problem."""

from __future__ import annotations

from support.codes import refused

from jpegcompile.errors import InternalError
from jpegcompile.ir.module import Module
from jpegcompile.ir.verifier import verify_module


def assert_broken(module: Module, code: str, *names: str) -> None:
    """The verifier reports this problem, the pass that ran last, and these names."""
    with refused(code, InternalError) as caught:
        verify_module(module, "some-pass")
    message = str(caught.value)
    assert "some-pass" in message
    for name in names:
        assert name in message
