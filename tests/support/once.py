"""Files that take long to make, made once for all workers of a test run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir, mkdtemp


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The folder that `make` fills; the first worker that asks makes it, others wait."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        folder = Path(mkdtemp(prefix=f"jpegcompile-{name}-"))
        make(folder)
        return folder
    folder = Path(gettempdir()) / f"jpegcompile-{name}-{run}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            make(folder)
            (folder / "made").touch()
    return folder
