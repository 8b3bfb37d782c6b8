"""Checks of compiled files on ONNX Runtime's CUDA provider, with the native library's kernels."""

from __future__ import annotations

import math
from pathlib import Path

import onnxruntime as ort

from jpegcompile.compiler import compile as compile_model
from jpegcompile.errors import JpegCompileError
from jpegcompile.evaluation.gpu_check.networks import Network
from jpegcompile.evaluation.gpu_check.records import ModelCheck
from jpegcompile.evaluation.verify import verify
from jpegcompile.gpu.archs import architecture_for
from jpegcompile.messages import Message
from jpegcompile.precision import TF32X3
from jpegcompile.runtime import cuda
from jpegcompile.runtime.providers import Asked
from jpegcompile.target.base import CUDA_PROVIDER

_CHECK = "file on ONNX Runtime"


def can_run_files() -> bool:
    """Return whether onnxruntime has the provider; other requirements are part of the check."""
    return CUDA_PROVIDER in ort.get_available_providers()


def check_compiled_file(
    network: Network, folder: Path, providers: Asked = "cuda"
) -> list[ModelCheck]:
    """Compile a network for ONNX Runtime with GPU kernels and compare it with the original.

    Args:
        network: network to check.
        folder: folder for the compiled file and its kernels.
        providers: execution providers to run on.
    """
    path = folder / f"{network.name}.onnx"
    gpu = architecture_for(cuda.device())
    try:
        made = compile_model(
            network.original, preprocess=network.preprocess, aot=[] if gpu is None else [gpu]
        )
        made.save(path)
        found = verify(network.original, path, network.images, providers=providers)
    except JpegCompileError as error:
        # A missing device or library is a failed check.
        note = Message(error.code, str(error))
        return [ModelCheck(network.name, TF32X3.name, _CHECK, math.inf, 0.0, note)]
    return [
        ModelCheck(
            network.name,
            TF32X3.name,
            f"{_CHECK}: {output.name}",
            output.conversion if output.is_within else math.inf,
            output.allowed,
        )
        for output in found.outputs
    ]
