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

    A file opens as a `Session` of ONNX Runtime, with or without native kernels. The folder of a
    model for `--target triton` opens as a `CompiledModule` of PyTorch on the current GPU. Both have
    `feeds`, `run` and the other methods of `ImageRunner`. `load_module` has the more precise return
    type for modules.

    Args:
        path: path of the compiled file, or of the folder of a model for `--target triton`.
        native: whether native kernels run the nodes that they support. If False, all nodes run by
            the function bodies in the file. `Session.execution` has the numbers. Modules ignore
            this option.
        providers: what a file runs on: "auto" uses a GPU if possible, and warns with
            `FallbackWarning` if a requirement is missing; "cuda" requires a GPU; "cpu"; or
            execution providers in ONNX Runtime's form. See `docs/onnxruntime_gpu.md`. Modules
            ignore this option.
        progress: called with (kernels done, total kernels) while "cuda" compiles GPU kernels.

    Returns:
        The session or module.

    Raises:
        AccessError: if a file cannot be read, the native kernels cannot be loaded, "cuda" cannot be
            used, or there is no GPU for a module.
        UsageError: if `providers` is an unknown word.
        UnsupportedModelError: if the model was not written by jpegcompile, or by a newer version.
    """
    found: Any = opened(path, native=native, providers=providers, progress=progress)
    session: Session = found
    return session


def load_module(path: str | os.PathLike[str], device: str | None = None) -> CompiledModule:
    """Open the folder of a model for `--target triton` as a module of PyTorch.

    Args:
        path: path of the folder.
        device: device that computes. Default: the current GPU.

    Returns:
        The module, in evaluation mode.

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
    """Open a compiled model, with all options of `Session`.

    Args:
        path: as for `load`.
        native: as for `load`.
        arena: as for `Session`. Modules ignore this option.
        threads: as for `Session`. Modules ignore this option.
        providers: as for `load`.
        progress: as for `load`.

    Raises:
        AccessError, UsageError, UnsupportedModelError: as `load`.
    """
    if is_module_folder(path):
        return load_module(path)
    return Session(path, threads, native, arena, providers, progress)
