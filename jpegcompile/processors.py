"""How many processors this process may use: fewer than the machine has, in containers above all."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_SYSTEM = Path("/")


def available_processors() -> int:
    """Processors that this process may keep busy: those it may run on, within its quota of time.

    The quota is that of control groups, rounded up.
    """
    return _within_quota(len(_affinity()))


def intra_op_threads(threads: int | None = None) -> int | None:
    """Threads for one operator of ONNX Runtime, None for its own default.

    That default is a thread for each core of the machine. It does not see that a process may have
    fewer; where this one does, the number is given: a thread for each core that it has.

    Args:
        threads: what the caller asks for.
    """
    if threads is not None or available_processors() == (os.cpu_count() or 1):
        return threads
    return _within_quota(len(_cores(_affinity())))


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _within_quota(count: int) -> int:
    quotas = list(_quotas(_SYSTEM))
    return max(1, min([count, *(math.ceil(quota) for quota in quotas)]))


def _quotas(system: Path) -> Iterator[float]:
    """Processors' worth of time that control groups allow (cgroups(7)), version 1 and 2.

    Args:
        system: the root of the file system.
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
    """The folder of a group and those around it, up to the mount; any of them may set a limit."""
    folder = mount / path.lstrip("/")
    yield folder
    yield from (parent for parent in folder.parents if parent.is_relative_to(mount))


def _quota(limit: str, period: str) -> Iterator[float]:
    if limit.strip() not in ("max", "-1"):
        yield int(limit) / int(period)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None  # no such system, version or group


def _cores(processors: set[int]) -> set[str]:
    """Cores that processors are on; several processors of one core share its arithmetic."""
    devices = _SYSTEM / "sys/devices/system/cpu"
    return {
        _read(devices / f"cpu{number}/topology/thread_siblings_list") or str(number)
        for number in processors
    }
