"""Whole numbers among the arguments that users give."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np

# Python refuses to read very long numbers. No number that users mean has as many digits as this.
_MOST_DIGITS = 18


def is_whole_number(value: object) -> TypeGuard[int]:
    """Whether a value is an integer of Python or NumPy, but not a bool."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def whole_number(text: str) -> int | None:
    """Read a number that a user has typed; None if it is not made of digits, or far too long."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None
