"""Triton's interpreter, made faster for kernels of many small steps.

Three things take most of its time, and none needs to: it patches the language anew for each call of
a function by a kernel; it checks for overflow of integers by several operations of its own; and it
makes a table of types to look up one. The results and the checks are the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from triton.language.semantic import TritonSemantic
from triton.runtime import interpreter

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
}

SLOW_DTYPE = interpreter._get_np_dtype
_number_dtype = cache(SLOW_DTYPE)


@cache
def speed_up() -> None:
    """Make the interpreter of this process faster."""
    interpreter.InterpretedFunction.__call__ = _calls()
    TritonSemantic.binary_op_sanitize_overflow_impl = _check_overflow
    interpreter._get_np_dtype = _dtype


def _dtype(kind: Any) -> Any:
    """NumPy's type for one of Triton's, or for a block of it."""
    # Types of pointers cannot be hashed.
    return SLOW_DTYPE(kind.scalar) if kind.scalar.is_ptr() else _number_dtype(kind.scalar)


def _calls() -> Callable[..., Any]:
    """How kernels call functions: the language, once patched for a module, stays so."""
    patched: set[str] = set()

    def call(function: Any, *arguments: Any, **named: Any) -> Any:
        module = function.fn.__module__
        if module not in patched:
            interpreter._patch_lang(function.fn)
            patched.add(module)
        try:
            return function.rewrite()(*arguments, **named)
        except Exception as error:
            raise interpreter.InterpreterError(repr(error)) from error

    return call


def _check_overflow(_: Any, left: Any, right: Any, operation: Callable[..., Any]) -> None:
    """Refuse integers of fewer than 64 bits whose sum, difference or product has more."""
    kind = left.type.scalar
    if kind.int_bitwidth >= 64:
        return
    exact = _OPERATIONS[operation.__name__](
        left.handle.data.astype(np.int64), right.handle.data.astype(np.int64)
    )
    if exact.min() < kind.get_int_min_value() or exact.max() > kind.get_int_max_value():
        name = operation.__name__
        raise AssertionError(f"int{kind.int_bitwidth} overflow detected for operation {name}")
