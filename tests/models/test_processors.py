"""The count of processors of a process, and code that uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile import _core, processors
from jpegcompile.jpeg.read import read_coefficients_many
from jpegcompile.processors import available_processors, intra_op_threads

FILES = [make_jpeg(32, 32)] * 3


class Machine:
    """A file system that describes control groups and cores."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._patch = monkeypatch
        monkeypatch.setattr(processors, "_SYSTEM", root)

    def has(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
        processors._quotas.cache_clear()

    def runs_on(self, *numbers: int, of: int) -> None:
        self._patch.setattr(processors, "_affinity", lambda: set(numbers))
        self._patch.setattr(os, "cpu_count", lambda: of)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_without_limits(machine: Machine) -> None:
    machine.runs_on(*range(8), of=8)
    assert available_processors() == 8
    assert intra_op_threads() is None  # ONNX Runtime counts the cores itself.
    assert intra_op_threads(3) == 3


def test_affinity(machine: Machine) -> None:
    machine.runs_on(2, 5, 7, of=64)
    assert (available_processors(), intra_op_threads()) == (3, 3)
    assert intra_op_threads(8) == 8


def test_quotas_are_read_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.runs_on(*range(8), of=8)
    machine.has("proc/self/cgroup", "0::/")
    machine.has("sys/fs/cgroup/cpu.max", "300000 100000")
    assert available_processors() == 3
    monkeypatch.setattr(processors, "_read", lambda path: pytest.fail(str(path)))
    assert available_processors() == 3


def test_processors_that_share_a_core(machine: Machine) -> None:
    machine.runs_on(0, 1, 32, 33, of=64)
    for number in range(64):
        path = f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list"
        machine.has(path, f"{number % 32},{number % 32 + 32}")
    assert (available_processors(), intra_op_threads()) == (4, 2)


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        ("max 100000", 16),
        ("400000 100000", 4),
        ("150000 100000", 2),
        ("1000 100000", 1),
        ("3200000 100000", 16),
        ("25000 50000", 1),
    ],
)
@pytest.mark.parametrize("folder", ["", "a/", "a/b/"])
def test_quota_of_version_2(machine: Machine, limit: str, count: int, folder: str) -> None:
    machine.runs_on(*range(16), of=16)
    machine.has("proc/self/cgroup", "0::/a/b")
    machine.has("sys/fs/cgroup/a/b/cpu.max", "max 100000")
    machine.has(f"sys/fs/cgroup/{folder}cpu.max", limit)
    assert available_processors() == count
    assert intra_op_threads() == (None if count == 16 else count)


def test_quota_of_version_1(machine: Machine) -> None:
    """In a container, the path of a group is the one outside, and its folder is the mount."""
    machine.runs_on(*range(16), of=16)
    machine.has("proc/self/cgroup", "4:memory:/docker/1234\n3:cpu,cpuacct:/docker/1234\n0::/")
    machine.has("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1")
    machine.has("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
    assert available_processors() == 16
    machine.has("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000")
    assert (available_processors(), intra_op_threads()) == (3, 3)
    machine.has("sys/fs/cgroup/cpu/docker/1234/cpu.cfs_quota_us", "50000")
    machine.has("sys/fs/cgroup/cpu/docker/1234/cpu.cfs_period_us", "50000")
    assert available_processors() == 1


def threads_of_reading(monkeypatch: pytest.MonkeyPatch, work: Any) -> int:
    """Return the number of threads of the native reader."""
    given: list[int] = []
    real = _core.read_coefficients_many

    def read(sources: Any, threads: int, tolerant: bool, max_pixels: int) -> Any:
        given.append(threads)
        return real(sources, threads, tolerant, max_pixels)

    with monkeypatch.context() as patch:
        patch.setattr(_core, "read_coefficients_many", read)
        work()
    assert len(given) == 1
    return given[0]


def test_a_session_reads_with_its_own_threads(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(tiny_residual(), preprocess="cifar10").save(path)
    machine.runs_on(0, 1, 2, of=64)
    for threads, expected in ((1, 1), (2, 2), (None, 3)):
        session = jpegcompile.Session(path, threads=threads)
        options = session.inference_session.get_session_options()
        assert options.intra_op_num_threads == expected
        for work in (session.run, session.feeds):
            assert threads_of_reading(monkeypatch, lambda work=work: work(FILES)) == expected
    assert threads_of_reading(monkeypatch, lambda: read_coefficients_many(FILES)) == 3


AFFINITY = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from jpegcompile.processors import available_processors
print(available_processors())
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_a_process_bound_to_one_processor() -> None:
    command = [sys.executable, "-P", "-c", AFFINITY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1\n"
