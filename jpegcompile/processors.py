"""The number of processors that this process may use, which containers limit.

All of jpegcompile gets the number from this module. Python passes the number of threads to C++.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SYSTEM = Path("/")


def available_processors() -> int:
    """Return the number of processors that this process may keep busy.

    This is the number of processors that the process may run on, or the quota of processor time of
    its control groups, rounded up, if the quota is smaller. The quota is that of the first call.
    """
    return _within_quota(len(_affinity()))


def intra_op_threads(threads: int | None = None) -> int | None:
    """Return the number of threads for one operator of ONNX Runtime; None for its own default.

    ONNX Runtime's default is one thread for each core of the machine, even if the process may use
    fewer cores. If this process may use fewer, the result is one thread for each of its cores.

    Args:
        threads: number that the caller asked for; None if the caller did not ask.
    """
    if threads is not None or available_processors() == _of_the_machine():
        return threads
    return _within_quota(len(_cores(_affinity())))


def _of_the_machine() -> int:
    """Return the number of processors of the machine, or 1 if it is unknown."""
    return os.cpu_count() or 1


def _affinity() -> set[int]:
    """Return the numbers of the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(_of_the_machine()))


def _within_quota(count: int) -> int:
    """Return a number of processors, limited to the quota of processor time."""
    return max(1, min([count, *(math.ceil(quota) for quota in _quotas(_SYSTEM))]))


@cache
def _quotas(system: Path) -> tuple[float, ...]:
    """Return the quotas of control groups, in processors.

    They are read once: reading them takes longer than reading a small JPEG file.
    """
    return tuple(_read_quotas(system))


def _read_quotas(system: Path) -> Iterator[float]:
    """Yield the quotas of control groups (cgroups(7), versions 1 and 2), in processors.

    Args:
        system: root of the file system.
    """
    groups = _read(system / "proc/self/cgroup") or ""
    mounts = system / "sys/fs/cgroup"
    for line in groups.splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            for folder in _upwards(mounts, path):
                limit, period = (_read(folder / "cpu.max") or "max 100000").split()
                yield from _quota(limit, period)
        elif "cpu" in controllers.split(","):
            for folder in _upwards(mounts / "cpu", path):
                limit = _read(folder / "cpu.cfs_quota_us") or "-1"
                yield from _quota(limit, _read(folder / "cpu.cfs_period_us") or "100000")


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """Yield the folder of a group and its parents up to the mount; each can have a limit."""
    folder = mount / path.lstrip("/")
    yield folder
    yield from (parent for parent in folder.parents if parent.is_relative_to(mount))


def _quota(limit: str, period: str) -> Iterator[float]:
    """Yield the time allowed in a period divided by the period; nothing if there is no limit."""
    if limit.strip() not in ("max", "-1"):
        yield int(limit) / int(period)


def _read(path: Path) -> str | None:
    """Return the text of a file; None if it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return None  # The system has no control groups, or not this version or group.


def _cores(processors: set[int]) -> set[str]:
    """Return names of the cores of processors; processors of a core share its arithmetic units."""
    devices = _SYSTEM / "sys/devices/system/cpu"
    return {
        _read(devices / f"cpu{number}/topology/thread_siblings_list") or str(number)
        for number in processors
    }
