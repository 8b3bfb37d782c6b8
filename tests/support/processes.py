"""Python code in fresh processes."""

from __future__ import annotations

import subprocess
import sys


def fresh(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """What a fresh process makes of some code; `arguments` are its `sys.argv[1:]`."""
    command = [sys.executable, "-P", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def succeeds(code: str, *arguments: object) -> str:
    """What code that is to succeed prints."""
    done = fresh(code, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout
