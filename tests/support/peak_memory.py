"""Peak memory of a command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

# As far as getrusage is concerned a process inherits the peak of the one that starts it. So a small
# process stands between a large test and the command that is measured.
_BETWEEN = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def peak_memory(command: Sequence[str]) -> int:
    """Run a command that must succeed; returns its peak resident memory in bytes."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _BETWEEN, *command], capture_output=True, text=True, check=True
    )
    return 1024 * int(done.stdout)
