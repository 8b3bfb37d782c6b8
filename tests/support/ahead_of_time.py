"""Kernels compiled ahead of time in processes where Triton does not interpret them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def compiled(code: str, *arguments: object, folder: Path | None = None) -> str:
    """What code that is to succeed prints, in a process that compiles kernels.

    Args:
        code: Python, which may import what tests share; `arguments` are its `sys.argv[1:]`.
        folder: where it runs, with a cache of its own; the current one and its cache by default.
    """
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = str(TESTS)
    if folder is not None:
        environment |= {"TRITON_CACHE_DIR": str(folder / "cache"), "TMPDIR": str(folder)}
    command = [sys.executable, "-P", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout
