"""Compile the GPU kernels of the native library. No GPU is required."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from jpegcompile.errors import AccessError
from jpegcompile.files import require_writable
from jpegcompile.gpu.archs import ARCHITECTURES, require_architectures
from jpegcompile.gpu.library.files import cached_file
from jpegcompile.messages import Message
from jpegcompile.precision import TF32X3
from jpegcompile.processors import available_processors
from jpegcompile.progress import Progress, no_progress

# ONNX Runtime computes in float32. Three TF32 products are as accurate and use the matrix units.
PRECISION = TF32X3


@dataclass(frozen=True)
class KernelFile:
    """A written file of compiled kernels.

    Attributes:
        path: path of the file.
        gpus: architectures, such as "sm_90".
        kernels: number of kernels.
    """

    path: Path
    gpus: tuple[str, ...]
    kernels: int


def gpu_kernels(
    gpus: Sequence[str] = tuple(ARCHITECTURES),
    output: str | os.PathLike[str] | None = None,
    *,
    progress: Progress = no_progress,
) -> list[KernelFile]:
    """Compile every kernel that the native library launches on CUDA.

    Args:
        gpus: architectures, such as "sm_90".
        output: file to write. By default, each architecture gets a file in the cache folder, where
            the sessions of every model find it.
        progress: called with (kernels done, kernels in all).

    Returns:
        The written files.

    Raises:
        UsageError: if an architecture is unknown, or Triton interprets kernels in this process.
        AccessError: if Triton is not installed or a file cannot be written.
    """
    names = tuple(dict.fromkeys(gpus))
    require_architectures("--gpus", names)
    require_compiler("jpegcompile gpu-kernels")
    if output is not None:
        return [_written(Path(output), names, progress)]
    files = []
    for index, name in enumerate(names):
        file = cached_file(name)
        _make_folder(file.parent)

        def shifted(done: int, total: int, before: int = index) -> None:
            progress(before * total + done, len(names) * total)

        files.append(_written(file, (name,), shifted))
    return files


def require_compiler(asked: str) -> None:
    """Require Triton.

    Args:
        asked: the command or option that requires it, for the message.

    Raises:
        AccessError: if Triton is not installed.
    """
    if find_spec("triton") is None:
        raise AccessError(
            Message(
                "triton-not-installed",
                f"{asked} compiles kernels with triton, which is not installed;"
                " pip install 'jpegcompile[triton]'",
            )
        )


def _written(path: Path, gpus: tuple[str, ...], progress: Progress) -> KernelFile:
    require_writable(path)
    from jpegcompile.gpu.compile_all import compile_all, distinct
    from jpegcompile.gpu.cubin_file import write_cubins
    from jpegcompile.gpu.library.forms import library_launches

    launches = distinct(library_launches(PRECISION))
    archs = [ARCHITECTURES[gpu] for gpu in gpus]
    made = compile_all(launches, archs, processes=available_processors(), report=progress)
    cubins = [cubin.stored for one in made for cubin in one]
    write_cubins(path, cubins)
    return KernelFile(path, gpus, len(cubins))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AccessError(
            Message(
                "kernel-cache-unwritable",
                f"{folder}: cannot keep compiled kernels: {error.strerror}; set XDG_CACHE_HOME to a"
                " writable folder",
            )
        ) from error
