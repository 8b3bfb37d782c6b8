"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# The assertions of helpers say what differs, as those of tests do.
pytest.register_assert_rewrite("support")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test data beside the repository; tests that need it skip where it is absent.

    In CI it is there, and a skip for that reason is a failure.
    """
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        reason = f"the test data are not there: {folder}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
