"""Caches of arrays are bounded by bytes, whatever the number of arrays."""

from __future__ import annotations

import ast
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegcompile.byte_cache import ByteCache, cached

PACKAGE = Path(__file__).resolve().parents[2]


def counted(most: int) -> tuple[ByteCache[[int], NDArray[np.uint8]], list[int]]:
    """A cache of arrays of so many bytes as is asked for, and what was made."""
    made: list[int] = []

    @cached(most)
    def array(size: int) -> NDArray[np.uint8]:
        """So many bytes."""
        made.append(size)
        return np.zeros(size, np.uint8)

    return array, made


def test_a_result_is_made_once() -> None:
    array, made = counted(100)
    assert array(40) is array(40)
    assert made == [40]
    assert array.nbytes == 40
    assert array.__doc__ == "So many bytes."


def test_the_bytes_are_bounded_and_the_oldest_goes_first() -> None:
    array, made = counted(100)
    array(40), array(50), array(40), array(30)
    # 50 was the longest unused one.
    assert array.nbytes == 70
    array(40), array(30)
    assert made == [40, 50, 30]
    array(50)
    assert made == [40, 50, 30, 50]
    assert array.nbytes == 80


def test_what_is_too_large_is_not_kept() -> None:
    array, made = counted(100)
    array(60)
    assert array(101).nbytes == 101
    assert array.nbytes == 60
    array(60), array(101)
    assert made == [60, 101, 101]


def test_arguments_by_name_and_by_place() -> None:
    made = []

    @cached(100)
    def array(size: int, fill: int = 0) -> NDArray[np.uint8]:
        made.append((size, fill))
        return np.full(size, fill, np.uint8)

    assert array(3, fill=1) is array(3, fill=1)
    np.testing.assert_array_equal(array(3, 2), [2, 2, 2])
    assert made == [(3, 1), (3, 2)]


def test_a_failure_is_not_kept() -> None:
    @cached(100)
    def array(size: int) -> NDArray[np.uint8]:
        raise ValueError(f"no {size}")

    for _ in range(2):
        with pytest.raises(ValueError, match="no 3"):
            array(3)
    assert array.nbytes == 0


def test_clear() -> None:
    array, made = counted(100)
    array(40)
    array.clear()
    assert array.nbytes == 0
    array(40)
    assert made == [40, 40]


def test_threads_get_one_result() -> None:
    together = threading.Barrier(4)

    @cached(1000)
    def array(size: int) -> NDArray[np.uint8]:
        together.wait(timeout=30)
        return np.zeros(size, np.uint8)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(array, [10] * 4))
    assert all(result is results[0] for result in results)
    assert array.nbytes == 10


def test_many_threads_keep_the_bound() -> None:
    array, _ = counted(500)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: array(index % 97), range(5000)))
        assert array.nbytes <= 500
    sizes = [size for size in range(97) if array._kept.get((size,)) is not None]
    assert array.nbytes == sum(sizes)


def caches_of_arrays(text: str) -> list[str]:
    """Functions that `functools` caches and that say that they return an array."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            decorators = " ".join(map(ast.unparse, node.decorator_list))
            names = ("cache", "lru_cache", "functools.cache", "functools.lru_cache")
            by_entries = any(d.split("(")[0] in names for d in decorators.split())
            kind = ast.unparse(node.returns)
            if by_entries and ("NDArray" in kind or "BandedOperator" in kind):
                found.append(node.name)
    return found


def test_no_cache_of_arrays_counts_entries() -> None:
    fault = "@lru_cache(maxsize=64)\ndef axis(size: int) -> NDArray[np.float64]: ..."
    assert caches_of_arrays(fault) == ["axis"]
    for folder in ("jpegcompile", "passes", "kernels"):
        for file in (PACKAGE / folder).rglob("*.py"):
            assert caches_of_arrays(file.read_text("utf-8")) == [], file
