"""CUDA for native kernels: the device and the files of compiled kernels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jpegcompile.gpu.library.files import beside, cached_files
from jpegcompile.runtime.native import custom_ops_library, told

# Prefix of the library's answers when CUDA cannot be used; the reason follows.
NO_CUDA = "no CUDA: "
_OWN = "jpegcompile.cubins"
_ENVIRONMENT = "JPEGCOMPILE_CUBINS"


def kernel_files(model: str | os.PathLike[str] | None = None) -> tuple[Path, ...]:
    """Return the existing files of compiled kernels, the preferred one first.

    The companion file of the model comes first. The files in JPEGCOMPILE_CUBINS, separated by ':',
    follow. Without that variable, the file of the wheel and files built on this machine follow.

    Args:
        model: path of a compiled model.
    """
    companion = [] if model is None else [beside(model)]
    asked = os.environ.get(_ENVIRONMENT)
    if asked:
        return (*(file for file in companion if file.is_file()), *map(Path, asked.split(":")))
    library = custom_ops_library()
    own = [] if library is None else [library.with_name(_OWN)]
    return tuple(file for file in (*companion, *own, *cached_files()) if file.is_file())


def joined(files: Sequence[Path]) -> str:
    """Join the files in the form that the library reads."""
    return ":".join(str(file) for file in files)


@cache
def device() -> str:
    """Return the architecture of the first device, such as "sm_90", or NO_CUDA and the reason.

    Raises:
        AccessError: if the native kernels cannot be loaded.
    """
    library = custom_ops_library()
    if library is None:
        return f"{NO_CUDA}the native kernels are not installed"
    return told(library, "JpegcompileCudaDevice")


def status(files: Sequence[Path]) -> str:
    """Return the device and kernels in use on one line, or NO_CUDA and the reason.

    Args:
        files: files of compiled kernels; at least one.

    Raises:
        AccessError: if the native kernels cannot be loaded.
    """
    library = custom_ops_library()
    if library is None:
        return device()
    return told(library, "JpegcompileCudaStatus", joined(files))


def operators(files: Sequence[Path]) -> frozenset[str]:
    """Return the names of the operators that run on CUDA with these files.

    Args:
        files: files of compiled kernels.

    Raises:
        AccessError: if the native kernels cannot be loaded.
    """
    library = custom_ops_library()
    if library is None:
        return frozenset()
    return frozenset(told(library, "JpegcompileCudaOperators", joined(files)).split())
