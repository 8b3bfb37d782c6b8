"""Fixtures for all tests."""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# The assertions of helpers say what differs, as those of tests do.
pytest.register_assert_rewrite("support")

# The same few examples every time; a thorough search is asked for by name, with a seed.
settings.register_profile(
    "default", max_examples=60, deadline=None, derandomize=True, database=None
)
settings.register_profile("thorough", max_examples=2000, deadline=None, database=None)
settings.load_profile("default")

# GPU kernels run by Triton's interpreter. It is chosen when a kernel is defined, and so before any
# test imports one; what needs the compiler is tested in processes of its own.
os.environ.setdefault("TRITON_INTERPRET", "1")

# Workers share the processors. PyTorch and NumPy would start a thread for each processor in every
# worker, and the threads would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent

# Every case that was found, of whichever tier.
COLLECTED = pytest.StashKey[list[pytest.Item]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the outcomes of whole networks go."""
    parser.addoption(
        "--zoo-results",
        type=Path,
        metavar="FILE",
        help="append the outcomes of test_families.py to FILE, for docs/models_table.py",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is made while cases are found, which lives to the end, from the collector.

    Cases are millions of objects, and each collection of garbage would look at all of them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        # Extension modules look for leaks at exit.
        atexit.register(gc.unfreeze)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every case its tier, and keep what was found before -m leaves out a part of it."""
    # Imported behind the line above that has its assertions rewritten.
    from support.tiers import thin_products, thin_samples

    thin_products(items)
    thin_samples(items)
    config.stash[COLLECTED] = list(items)


@pytest.fixture(scope="session")
def collected(request: pytest.FixtureRequest) -> list[pytest.Item]:
    """Every case of the suite; tests that need it skip where pytest was given a part of it."""
    items = request.config.stash[COLLECTED]
    files = set((REPOSITORY / "tests").rglob("test_*.py"))
    if not files <= {item.path for item in items}:
        pytest.skip("judges the whole suite, and pytest was asked for a part of it")
    return items


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
