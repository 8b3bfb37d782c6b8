"""Emit a compiled model as a folder: `model.py`, `weights.safetensors`, `manifest.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.backends.triton.ahead import compiled_kernels
from jpegcompile.backends.triton.statements import Statements
from jpegcompile.backends.triton.text import model_text
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.gpu.folder import CUBINS, MANIFEST, MANIFEST_FORMAT, MODEL, WEIGHTS, manifest_text
from jpegcompile.gpu.kernel import steps_of
from jpegcompile.interface import CHROMA, LUMA, QUANTIZATION
from jpegcompile.ir.module import Module
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.kernels.ingest.launch import Ingest
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.progress import Progress, no_progress

# Weights of PyTorch operators keep these types. Other types become float32 or int64.
_KEPT = (np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_))


def emit_triton(
    module: Module,
    info: CompiledInfo,
    name: str,
    archs: Sequence[int] = (),
    progress: Progress | None = None,
) -> dict[str, bytes]:
    """Emit a module whose kernels and layouts are chosen.

    Args:
        module: the module after the last pass.
        info: metadata of the compiled model.
        name: name of the source.
        archs: compute capabilities for which to compile kernels ahead of time.
        progress: called with (kernels compiled, kernels in all).

    Returns:
        The content of each file by name.

    Raises:
        UnsupportedModelError: if a node has neither a GPU kernel nor a PyTorch expression, or the
            model has other inputs than the image.
    """
    _require_image_alone(module, name)
    source = Statements(module)
    precision = module.options.precision
    outputs = [tensor.name for tensor in module.graph.outputs]
    arguments = {"precision": f'"{precision.name}"', "outputs": json.dumps(outputs)}
    if module.fixed_batch is not None and not module.dynamic_batch:
        arguments["fixed_batch"] = str(module.fixed_batch)
    if module.ingest_output is None and source.image != module.image.name:
        arguments["parameters"] = json.dumps({module.image.name: source.image})
    text = model_text(source, module, _title(source, name), arguments, _header(module, source))
    weights = _weights(source, module)
    files = {MODEL: text.encode(), WEIGHTS: weights}
    manifest: dict[str, Any] = {
        "format": MANIFEST_FORMAT,
        "info": info.to_json(),
        "files": {file: sha256(content).hexdigest() for file, content in files.items()},
        "precision": precision.name,
        "outputs": outputs,
        "calls": _calls(source, module),
        "tilings": {},
    }
    if archs:
        kernels = {name: kernel for name, (_, kernel) in source.kernels.items()}
        if module.ingest_output is not None:
            assert module.frame is not None
            image = module.layouts[module.ingest_output]
            kernels["image"] = Ingest(image, module.frame, module.image)
        ahead = progress or no_progress
        files[CUBINS], manifest["cubins"] = compiled_kernels(kernels, precision, archs, ahead)
        manifest["files"][CUBINS] = sha256(files[CUBINS]).hexdigest()
    files[MANIFEST] = manifest_text(manifest)
    return files


def _require_image_alone(module: Module, name: str) -> None:
    known = {module.image.name, LUMA, CHROMA, QUANTIZATION}
    other = next((t.name for t in module.graph.inputs if t.name not in known), None)
    if other is not None:
        raise UnsupportedModelError(
            Message(
                "triton-several-inputs",
                f"{name}: has input '{other}' in addition to the image, which --target triton does"
                " not support; use --target ort",
            )
        )


def _title(source: Statements, name: str) -> str:
    stem = name.rsplit("/", 1)[-1].removesuffix(".onnx").replace("\\", "").replace('"', "")
    count = len(source.kernels)
    return f"{stem}, as {count} GPU kernel calls; written by jpegcompile."


def _header(module: Module, source: Statements) -> list[str]:
    if module.ingest_output is None:
        return [source.image]
    present = {tensor.name for tensor in module.graph.inputs}
    return [name for name in (LUMA, CHROMA, QUANTIZATION) if name in present]


def _weights(source: Statements, module: Module) -> bytes:
    """Return the weights of all calls, packed for the kernels, as a safetensors file."""
    import torch
    from safetensors.torch import save

    from jpegcompile.runtime.triton.launching import ELEMENTS

    precision = module.options.precision
    tensors: dict[str, Any] = {}
    for name, (call, kernel) in source.kernels.items():
        tiling = kernel.default_tiling(precision)
        types: dict[str, str] = {}
        for step in steps_of(kernel, 1, precision, tiling):
            types |= step.launch.pointers
        packed = dict(call.weights)
        if isinstance(kernel, Convolution):
            packed = kernel.packed(call.weights, tiling)
        for argument, values in packed.items():
            kind = ELEMENTS[types[argument]]
            tensors[f"{name}.{argument}"] = torch.tensor(np.ascontiguousarray(values)).to(kind)
    for name, values in source.constants.items():
        tensors[name] = torch.tensor(_plain(values))
    return bytes(save(tensors))


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype in _KEPT:
        return np.ascontiguousarray(values)
    return values.astype(np.float32 if values.dtype.kind == "f" else np.int64)


def _calls(source: Statements, module: Module) -> list[dict[str, Any]]:
    return [
        {
            "attribute": name,
            "name": call.name,
            "operators": list(call.operators),
            "kernel": type(kernel).__name__,
            "layouts": {r: module.layouts[t].to_json() for r, t in call.roles.items()},
        }
        for name, (call, kernel) in source.kernels.items()
    ]
