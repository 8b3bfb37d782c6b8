"""The threads of PyTorch, for kernels that run between its operators.

After an operator, the threads of OpenMP wait for some milliseconds without sleeping. Threads that
start meanwhile share the processors with them, so kernels ask the same threads to do their work.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch

_MAPPED_FILES = Path("/proc/self/maps")
_LIBRARY = "libgomp"


@cache
def torch_team() -> int:
    """Return the address of `GOMP_parallel` of the OpenMP that PyTorch runs on.

    Returns 0 if PyTorch has no GNU OpenMP, or if the system does not tell which files a process has
    loaded.
    """
    if "OpenMP" not in torch.__config__.parallel_info() or not _MAPPED_FILES.exists():
        return 0
    lines = _MAPPED_FILES.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    parts = [line.split(maxsplit=5) for line in lines]
    paths = {Path(one[5]) for one in parts if len(one) == 6}
    found = sorted(path for path in paths if path.name.startswith(_LIBRARY))
    # Other packages may have loaded a copy of their own.
    package = Path(torch.__file__).parent
    folders = (package, package.with_name("torch.libs"))
    own = [path for path in found if any(path.is_relative_to(folder) for folder in folders)]
    chosen = own or found
    if len(chosen) != 1:
        return 0
    function = ctypes.CDLL(str(chosen[0])).GOMP_parallel
    return ctypes.cast(function, ctypes.c_void_p).value or 0
