"""Find GPU kernels by name, and their arguments."""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from typing import Any


@cache
def kernel_of(name: str) -> Any:
    """Return the kernel MODULE:FUNCTION of `jpegcompile.kernels`."""
    module, _, function = name.partition(":")
    return getattr(import_module(f"jpegcompile.kernels.{module}"), function)


@cache
def arguments_of(name: str) -> tuple[str, ...]:
    """Return the arguments of the kernel MODULE:FUNCTION, in order."""
    kernel = kernel_of(name)
    function = kernel.fn if hasattr(kernel, "fn") else kernel
    return tuple(inspect.signature(function).parameters)
