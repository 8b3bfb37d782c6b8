"""Whole numbers among the arguments that users give."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np


def is_whole_number(value: object) -> TypeGuard[int]:
    """Whether a value is an integer of Python or NumPy, but not a bool."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
