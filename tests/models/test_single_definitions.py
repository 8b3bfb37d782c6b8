"""Helpers that the repository defines once: the count of processors, and progress."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("jpegcompile", "passes", "kernels", "tests", "docs")


def lines_with(pattern: str, *endings: str) -> list[str]:
    """Return the source files that match a regular expression, once for each match."""
    found = []
    for folder in FOLDERS:
        for ending in endings:
            for path in sorted((ROOT / folder).rglob(f"*.{ending}")):
                matches = re.findall(pattern, path.read_text(encoding="utf-8"))
                found += [path.relative_to(ROOT).as_posix()] * len(matches)
    return found


def test_one_module_counts_processors() -> None:
    counts = r"os\.(?:process_)?cpu_count\(|sched_getaffinity\(|\bcpu_count\(\)"
    assert set(lines_with(counts, "py")) == {
        "jpegcompile/processors.py",
        "tests/models/test_processors.py",  # sets the affinity of a process
    }


def test_native_code_does_not_count_processors() -> None:
    counts = r"hardware_concurrency|_SC_NPROCESSORS|get_nprocs|omp_get_(?:max_threads|num_procs)"
    assert lines_with(counts, "cc", "h", "cu", "c") == []


def test_one_module_defines_progress() -> None:
    assert lines_with(r"(?m)^(?:class Progress\b|Progress\b.*=)", "py") == [
        "jpegcompile/progress.py"
    ]
    no_operation = r"lambda (?:done|_done), (?:total|_total): None"
    assert set(lines_with(no_operation, "py")) <= {"tests/models/test_single_definitions.py"}
    assert set(lines_with(r"Callable\[\[int(?:, int)?\], None\]", "py")) == {
        "jpegcompile/progress.py"
    }
