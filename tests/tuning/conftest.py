"""Tuning with Triton's interpreter."""

from __future__ import annotations

import pytest
from support.interpreter import speed_up


@pytest.fixture(scope="session", autouse=True)
def fast_interpreter() -> None:
    speed_up()
