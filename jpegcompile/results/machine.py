"""The machine of a measurement."""

from __future__ import annotations

import platform
from pathlib import Path

_LINUX = Path("/proc/cpuinfo")


def processor_name() -> str:
    """Return the processor's model, or its architecture if the system does not name a model."""
    if _LINUX.is_file():
        for line in _LINUX.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
