"""Paths of compiled kernels for ONNX Runtime on CUDA."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from jpegcompile import gpu, kernels
from jpegcompile.files import cache_folder
from jpegcompile.gpu.archs import ARCHITECTURES

_ENDING = ".cubins"


def beside(model: str | os.PathLike[str]) -> Path:
    """Return the kernel file of a compiled model: MODEL.cubins instead of MODEL.onnx.

    If the model is a link, the kernel file is next to the target of the link, like the weight file.
    """
    path = Path(os.path.realpath(model) if os.path.islink(model) else model)
    return path.with_suffix(_ENDING) if path.suffix == ".onnx" else Path(f"{path}{_ENDING}")


def cached_file(gpu: str) -> Path:
    """Return the path of cached kernels for an architecture, such as "sm_90".

    Other versions of jpegcompile have other paths.
    """
    return cache_folder("kernels") / f"{_version()}.{gpu}{_ENDING}"


def cached_files() -> tuple[Path, ...]:
    """Return the paths of cached kernels for all architectures; the files may not exist."""
    return tuple(cached_file(gpu) for gpu in ARCHITECTURES)


@cache
def _version() -> str:
    """Return a hash of the sources of the kernels and of the code that compiles them."""
    digest = hashlib.sha256()
    roots = (Path(kernels.__file__).parent, Path(gpu.__file__).parent)
    for root in roots:
        for file in sorted(root.rglob("*.py")):
            digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
