"""What native kernels would run by on CUDA: the device, and files of compiled kernels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jpegcompile.gpu.library.files import beside, cached_files
from jpegcompile.runtime.native import custom_ops_library, told

# How the library says that there is none, before the reason.
NO_CUDA = "no CUDA: "
_OWN = "jpegcompile.cubins"
_ENVIRONMENT = "JPEGCOMPILE_CUBINS"


def kernel_files(model: str | os.PathLike[str] | None = None) -> tuple[Path, ...]:
    """The files of compiled kernels that are there, the preferred one first.

    The companion of a model comes first. Then come the files that JPEGCOMPILE_CUBINS names, with
    ':' between; without them, the file of a wheel and those that were built on this machine.

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
    """The files as the library takes them."""
    return ":".join(str(file) for file in files)


@cache
def device() -> str:
    """The architecture of the first device, such as "sm_90", or NO_CUDA and the reason.

    Raises:
        AccessError: if the native kernels cannot be loaded.
    """
    library = custom_ops_library()
    if library is None:
        return f"{NO_CUDA}the native kernels are not installed"
    return told(library, "JpegcompileCudaDevice")


def status(files: Sequence[Path]) -> str:
    """What there is to run by, in one line, or NO_CUDA and the reason.

    Args:
        files: of compiled kernels; one at least.

    Raises:
        AccessError: if the native kernels cannot be loaded.
    """
    library = custom_ops_library()
    if library is None:
        return device()
    return told(library, "JpegcompileCudaStatus", joined(files))


def operators(files: Sequence[Path]) -> frozenset[str]:
    """Names of the operators that run on CUDA by these files.

    Raises:
        AccessError: if the native kernels cannot be loaded.
    """
    library = custom_ops_library()
    if library is None:
        return frozenset()
    return frozenset(told(library, "JpegcompileCudaOperators", joined(files)).split())
