"""Where files of compiled kernels for ONNX Runtime on CUDA are kept."""

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
    """The companion of a compiled model: MODEL.cubins in place of MODEL.onnx.

    It is beside the file that a link points to, as the file of weights is.
    """
    path = Path(os.path.realpath(model) if os.path.islink(model) else model)
    return path.with_suffix(_ENDING) if path.suffix == ".onnx" else Path(f"{path}{_ENDING}")


def cached_file(gpu: str) -> Path:
    """Where kernels that are built on demand for an architecture, such as "sm_90", are kept.

    Kernels of other versions of jpegcompile have other names.
    """
    return cache_folder("kernels") / f"{_version()}.{gpu}{_ENDING}"


def cached_files() -> tuple[Path, ...]:
    """Those of every architecture; they need not be there."""
    return tuple(cached_file(gpu) for gpu in ARCHITECTURES)


@cache
def _version() -> str:
    """A hash of the sources of kernels, and of what compiles them."""
    digest = hashlib.sha256()
    roots = (Path(kernels.__file__).parent, Path(gpu.__file__).parent)
    for root in roots:
        for file in sorted(root.rglob("*.py")):
            digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
