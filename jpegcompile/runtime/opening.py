"""Open model files and create sessions of ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from jpegcompile.errors import AccessError, UnsupportedModelError, one_line
from jpegcompile.gpu.folder import is_module_folder
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo, read_metadata
from jpegcompile.processors import intra_op_threads
from jpegcompile.runtime.native import library_for, register
from jpegcompile.runtime.providers import ON_CPU, Providers, give_notice
from jpegcompile.weights.read import LARGE, PLAIN_TYPES

_ALIGNMENT = 64
# Key of ONNX Runtime: folder of the external weights of a model that is passed as bytes.
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


def read_compiled(path: str | os.PathLike[str]) -> tuple[onnx.ModelProto, CompiledInfo | None]:
    """Read an ONNX file and its jpegcompile metadata.

    Args:
        path: path of the file.

    Returns:
        The model, and its metadata or None if it is not a compiled model.

    Raises:
        AccessError: if the file cannot be read.
        UnsupportedModelError: if the file is not an ONNX model, or its metadata is damaged or newer
            than this version.
    """
    if is_module_folder(path):
        raise UnsupportedModelError(
            Message(
                "model-is-module-folder",
                f"{path}: is the folder of a PyTorch module, but a file is required; compile the"
                " model with --target ort",
            )
        )
    try:
        model = onnx.load_model_from_string(Path(path).read_bytes())
    except OSError as error:
        raise AccessError(
            Message(
                "compiled-model-unreadable",
                f"{path}: cannot read: {error.strerror}; check the path",
            )
        ) from error
    except DecodeError as error:
        raise UnsupportedModelError(
            Message(
                "compiled-model-not-onnx",
                f"{path}: not an ONNX file, or a damaged one; give a .onnx model",
            )
        ) from error
    return model, read_metadata(model, str(path))


def require_compiled(info: CompiledInfo | None, path: str) -> CompiledInfo:
    """Return the metadata of a model that must be compiled.

    Args:
        info: metadata from `read_compiled`.
        path: path of the model, for messages.

    Raises:
        UnsupportedModelError: if the model is not compiled.
    """
    if info is None:
        raise UnsupportedModelError(
            Message(
                "model-not-compiled",
                f"{path}: was not written by jpegcompile; give a compiled model",
            )
        )
    return info


def inference_session(
    model: onnx.ModelProto,
    threads: int | None = None,
    folder: Path | None = None,
    *,
    native: bool = True,
    weights: Mapping[str, ort.OrtValue] | None = None,
    arena: bool = True,
    optimized: bool = True,
    providers: Providers = ON_CPU,
) -> ort.InferenceSession:
    """Create an ONNX Runtime session whose idle threads do not spin.

    Args:
        model: the model.
        threads: ONNX Runtime's intra-op number. Default: one per core of this process.
        folder: folder of the model's external weights.
        native: whether native kernels run the nodes that they support.
        weights: initializers shared by several sessions (`shared_weights`). The model contains
            them, too.
        arena: whether ONNX Runtime keeps the memory of a run for the next run.
        optimized: whether ONNX Runtime may fuse and reorder nodes.
        providers: execution providers.

    Raises:
        UnsupportedModelError: if ONNX Runtime refuses the model.
        AccessError: if the native kernels cannot be loaded, or CUDA is required but not used.
    """
    options = session_options(threads, folder)
    options.enable_cpu_mem_arena = options.enable_mem_pattern = arena
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    library = library_for(model, native)
    if library is not None:
        providers.configure(options)
        register(options, library, model)
    present = {tensor.name for tensor in model.graph.initializer}
    # Shared weights are in host memory, which CUDA kernels cannot read.
    given = {} if weights is None or providers.has_cuda else weights
    used = {name: value for name, value in given.items() if name in present}
    for name, value in used.items():
        options.add_initializer(name, value)
    try:
        with providers.opening():
            session = ort.InferenceSession(
                model.SerializeToString(), options, providers=list(providers.names)
            )
    except Exception as error:
        reason = Message(
            "runtime-refuses-model",
            f"ONNX Runtime refuses the model: {one_line(error)}; upgrade onnxruntime, or compile"
            " the model again",
        )
        if not providers.may_fall_back:
            raise UnsupportedModelError(reason) from error
        give_notice(reason)
        return inference_session(
            model,
            threads,
            folder,
            native=native,
            weights=weights,
            arena=arena,
            optimized=optimized,
            providers=ON_CPU,
        )
    providers.check(session)
    # ONNX Runtime keeps pointers only. The session must keep the weights alive.
    session.shared_weights = used
    return session


def shared_weights(model: onnx.ModelProto) -> dict[str, ort.OrtValue]:
    """Return the large initializers of a model, to share them among sessions of the model's parts.

    External weights are not included. ONNX Runtime maps their files, which has the same effect.
    """
    return {
        tensor.name: ort.OrtValue.ortvalue_from_numpy(_aligned(numpy_helper.to_array(tensor)))
        for tensor in model.graph.initializer
        if tensor.data_type in PLAIN_TYPES and len(tensor.raw_data) >= LARGE
    }


def _aligned(values: NDArray[Any]) -> NDArray[Any]:
    """Return a copy with the alignment of ONNX Runtime's allocator, which kernels may require."""
    memory = np.empty(values.nbytes + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    copy = memory[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def session_options(
    threads: int | None = None, folder: Path | None = None, *, spinning: bool = False
) -> ort.SessionOptions:
    """Return session options that log errors only.

    Args:
        threads: ONNX Runtime's intra-op number. Default: one per core of this process.
        folder: folder of the external weights of a model that is passed as bytes.
        spinning: whether idle threads spin for some time.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    count = intra_op_threads(threads)
    if count is not None:
        options.intra_op_num_threads = count
    if folder is not None:
        options.add_session_config_entry(_WEIGHTS_FOLDER, str(folder.absolute()))
    return options
