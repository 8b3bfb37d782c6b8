"""The faster interpreter of the tests computes and checks the same as Triton's interpreter."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from support.interpreter import SLOW_DTYPE
from triton.runtime import interpreter

SMALLEST, LARGEST = -(1 << 31), (1 << 31) - 1


@triton.jit  # type: ignore[untyped-decorator]
def combine(x, y, made, OPERATION: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803
    left, right = tl.load(x), tl.load(y)
    if OPERATION == "add":
        result = left + right
    elif OPERATION == "sub":
        result = left - right
    else:
        result = left * right
    tl.store(made, result)


def combined(operation: str, left: int, right: int, kind: torch.dtype = torch.int32) -> int:
    made = torch.zeros(1, dtype=kind)
    combine[(1,)](
        torch.tensor([left], dtype=kind), torch.tensor([right], dtype=kind), made, operation
    )
    return int(made)


EDGES = [
    ("add", LARGEST - 1, 1, LARGEST),
    ("add", SMALLEST + 1, -1, SMALLEST),
    ("sub", SMALLEST + 1, 1, SMALLEST),
    ("sub", LARGEST - 1, -1, LARGEST),
    ("mul", 1 << 15, -(1 << 16), SMALLEST),
    ("mul", 46340, 46340, 46340**2),
]


@pytest.mark.parametrize(("operation", "left", "right", "expected"), EDGES)
def test_integers_at_the_edge(operation: str, left: int, right: int, expected: int) -> None:
    assert combined(operation, left, right) == expected


@pytest.mark.parametrize(
    ("operation", "left", "right"),
    [
        ("add", LARGEST, 1),
        ("add", SMALLEST, -1),
        ("sub", SMALLEST, 1),
        ("mul", 1 << 15, 1 << 16),
        ("mul", 46341, 46341),
    ],
)
def test_an_overflow_is_found(operation: str, left: int, right: int) -> None:
    message = f"int32 overflow detected for operation {operation}"
    with pytest.raises(interpreter.InterpreterError, match=message):
        combined(operation, left, right)
    # The result fits 64 bits.
    assert (
        combined(operation, left, right, torch.int64)
        == {
            "add": left + right,
            "sub": left - right,
            "mul": left * right,
        }[operation]
    )


def types() -> list[Any]:
    numbers = [tl.int1, tl.int8, tl.int16, tl.int32, tl.int64, tl.uint8, tl.uint32, tl.float16]
    numbers += [tl.bfloat16, tl.float32, tl.float64]
    pointers = [tl.pointer_type(kind) for kind in numbers]
    return [*numbers, *pointers, *(tl.block_type(kind, [4]) for kind in (*numbers, *pointers))]


def test_types_are_those_of_the_slow_table() -> None:
    fast = interpreter._get_np_dtype
    assert fast is not SLOW_DTYPE
    assert [fast(kind) for kind in types()] == [SLOW_DTYPE(kind) for kind in types()]
