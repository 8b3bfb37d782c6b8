"""Open a compiled model of any target."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jpegcompile.gpu.folder import is_module_folder
from jpegcompile.options import running as option
from jpegcompile.progress import Progress, no_progress
from jpegcompile.runtime.providers import Asked
from jpegcompile.runtime.session import Session

if TYPE_CHECKING:
    from jpegcompile.runtime.triton.module import CompiledModule


def load(
    path: str | os.PathLike[str],
    *,
    native: bool = option.NATIVE.default,
    providers: Asked = option.PROVIDERS.default,
    progress: Progress = no_progress,
) -> Session:
    """Open a compiled model.

    A file is opened as a session of ONNX Runtime. One for the bytes of a file opens without native
    kernels, too: see `Session`. The folder of a model for `--target triton` is opened as a
    `CompiledModule` of PyTorch, on the current GPU. Both have `feeds`, `run` and what `ImageRunner`
    says; type checkers that must know which one it is call `load_module`.

    Args:
        path: of the model: a file, or the folder of a model for `--target triton`.
        native: whether native kernels run what they can (`execution` says what); without them
            everything runs by the function bodies in the file. Means nothing to a module.
        providers: what a file runs on: "auto" for a GPU where one can be used, with a
            `FallbackWarning` where something is missing for it; "cuda"; "cpu"; or execution
            providers as ONNX Runtime takes them. See `docs/onnxruntime_gpu.md`. Means nothing to a
            module.
        progress: called with (kernels done, kernels in all) where "cuda" has to compile GPU kernels
            first.

    Raises:
        AccessError: if a file cannot be read, the native kernels cannot be loaded, "cuda" cannot be
            used, or a module finds no GPU.
        UsageError: if `providers` is another word.
        UnsupportedModelError: if jpegcompile did not write the model, or a newer version did.
    """
    found: Any = opened(path, native=native, providers=providers, progress=progress)
    session: Session = found
    return session


def load_module(path: str | os.PathLike[str], device: str | None = None) -> CompiledModule:
    """Open the folder of a model for `--target triton` as a module of PyTorch.

    Args:
        path: of the folder.
        device: where it computes; the current GPU if not given.

    Raises:
        AccessError, UnsupportedModelError: as `load`.
    """
    from jpegcompile.target.triton import require_triton

    require_triton()
    from jpegcompile.runtime.triton import load as loading

    return loading.load_module(path, device)


def opened(
    path: str | os.PathLike[str],
    *,
    native: bool = True,
    arena: bool = True,
    threads: int | None = None,
    providers: Asked = "auto",
    progress: Progress = no_progress,
) -> Session | CompiledModule:
    """The same; `arena` and `threads` are as for `Session`, and mean nothing to a module."""
    if is_module_folder(path):
        return load_module(path)
    return Session(path, threads, native, arena, providers, progress)
