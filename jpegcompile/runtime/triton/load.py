"""Open the folder of a model for `--target triton`."""

from __future__ import annotations

import os
from collections import Counter
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from torch import nn

from jpegcompile.errors import AccessError, UnsupportedModelError
from jpegcompile.gpu.folder import MODEL, WEIGHTS, read_manifest
from jpegcompile.gpu.launch import Tiling
from jpegcompile.messages import Message
from jpegcompile.metadata import info_of
from jpegcompile.precision import BFLOAT16
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.runtime.triton.launching import is_interpreted
from jpegcompile.runtime.triton.module import CompiledModule


def load_module(path: str | os.PathLike[str], device: str | None = None) -> CompiledModule:
    """Open a folder as a module in evaluation mode.

    Args:
        path: path of the folder.
        device: device of the module. Default: the current GPU, or the CPU if Triton interprets
            kernels.

    Raises:
        AccessError: if a file cannot be read or there is no GPU.
        UnsupportedModelError: if a file is damaged or from a newer version.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    content = {name: _read(folder / name, manifest["files"][name]) for name in (MODEL, WEIGHTS)}
    if manifest["precision"] == BFLOAT16.name and is_interpreted():
        raise AccessError(
            Message(
                "module-bfloat16-interpreted",
                f"{path}: computes in bfloat16, which Triton's interpreter does not support; run it"
                " on a GPU, or compile it with --precision float16",
            )
        )
    where = _device(path) if device is None else torch.device(device)
    module = _imported(folder, content[MODEL])(info_of(manifest["info"], str(path)))
    module.path = os.fspath(path)
    calls = module.info.report["calls"]
    module.torch_operators = dict(Counter(c["operators"][0] for c in calls if not c["kernel"]))
    for name, values in load_tensors(content[WEIGHTS]).items():
        holder, _, attribute = name.rpartition(".")
        module.get_submodule(holder).register_buffer(attribute, values)
    for name, tiling in manifest["tilings"].items():
        call = module.get_submodule(name)
        assert isinstance(call, KernelModule)
        call.use(Tiling(**tiling))
    module.requires_grad_(False)
    placed: CompiledModule = module.to(where).eval()
    return placed


def _read(path: Path, expected: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AccessError(
            Message(
                "module-file-unreadable", f"{path}: cannot read: {error.strerror}; check the path"
            )
        ) from error
    if sha256(content).hexdigest() != expected:
        raise UnsupportedModelError(
            Message(
                "module-file-changed",
                f"{path}: was changed after compiling (its hash differs from the manifest);"
                " compile the model again",
            )
        )
    return content


def _device(path: str | os.PathLike[str]) -> torch.device:
    if is_interpreted():
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise AccessError(
            Message(
                "module-gpu-missing",
                f"{path}: is compiled for a GPU, but PyTorch finds none; run it on a machine with a"
                " GPU, or set TRITON_INTERPRET=1 to interpret its kernels slowly on the CPU",
            )
        )
    return torch.device("cuda", torch.cuda.current_device())


def _imported(folder: Path, content: bytes) -> Any:
    """Return the class `Model` of a folder's `model.py`."""
    name = f"jpegcompile_model_{sha256(content).hexdigest()[:16]}"
    spec = spec_from_file_location(name, folder / MODEL)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    made: type[nn.Module] = module.Model
    return made
