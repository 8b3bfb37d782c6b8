"""Opening files of models, and the sessions of ONNX Runtime that run them."""

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
from jpegcompile.metadata import CompiledInfo, read_metadata
from jpegcompile.processors import intra_op_threads
from jpegcompile.runtime.native import library_for, register
from jpegcompile.runtime.providers import ON_CPU, Providers, give_notice
from jpegcompile.weights.read import LARGE, PLAIN_TYPES

_ALIGNMENT = 64
# Where external weights of a model are that ONNX Runtime is given as bytes.
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


def read_compiled(path: str | os.PathLike[str]) -> tuple[onnx.ModelProto, CompiledInfo | None]:
    """An ONNX file and its jpegcompile metadata, None if it is not a compiled model.

    Raises:
        AccessError: if the file cannot be read.
        UnsupportedModelError: if it is not ONNX, or its metadata is damaged or newer.
    """
    if is_module_folder(path):
        raise UnsupportedModelError(
            f"{path}: is a module of PyTorch, and a file is needed here; compile the model with"
            " --target ort"
        )
    try:
        model = onnx.load_model_from_string(Path(path).read_bytes())
    except OSError as error:
        raise AccessError(f"{path}: cannot read: {error.strerror}; check the path") from error
    except DecodeError as error:
        raise UnsupportedModelError(
            f"{path}: not an ONNX file, or a damaged one; give a .onnx model"
        ) from error
    return model, read_metadata(model, str(path))


def inference_session(
    model: onnx.ModelProto,
    threads: int | None = None,
    folder: Path | None = None,
    *,
    native: bool = True,
    weights: Mapping[str, ort.OrtValue] | None = None,
    arena: bool = True,
    optimised: bool = True,
    providers: Providers = ON_CPU,
) -> ort.InferenceSession:
    """An ONNX Runtime session whose idle threads do not spin.

    Args:
        model: the model.
        threads: ONNX Runtime's intra-op number; by default one for each core of this process.
        folder: of the files in which the model has external weights.
        native: whether native kernels run the nodes that they are for.
        weights: values of initializers that sessions have in common (`shared_weights`); the model
            has them, too.
        arena: whether ONNX Runtime keeps the memory of a run for the next one.
        optimised: whether it may fuse and reorder what the model computes.
        providers: what runs it.

    Raises:
        UnsupportedModelError: if ONNX Runtime refuses the model.
        AccessError: if the native kernels cannot be loaded, or CUDA is required and not used.
    """
    options = session_options(threads, folder)
    options.enable_cpu_mem_arena = options.enable_mem_pattern = arena
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    library = library_for(model, native)
    if library is not None:
        providers.configure(options)
        register(options, library)
    present = {tensor.name for tensor in model.graph.initializer}
    # They are in the memory of the host, where kernels for CUDA do not look.
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
        reason = f"ONNX Runtime refuses the model: {one_line(error)}"
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
            optimised=optimised,
            providers=ON_CPU,
        )
    providers.check(session)
    # The runtime keeps pointers only, and a caller may keep the session alone.
    session.shared_weights = used
    return session


def shared_weights(model: onnx.ModelProto) -> dict[str, ort.OrtValue]:
    """The large initializers of a model, for its sessions and those of its parts to have in common.

    Those in files are not among them: ONNX Runtime maps the files, which has the same effect.
    """
    return {
        tensor.name: ort.OrtValue.ortvalue_from_numpy(_aligned(numpy_helper.to_array(tensor)))
        for tensor in model.graph.initializer
        if tensor.data_type in PLAIN_TYPES and len(tensor.raw_data) >= LARGE
    }


def _aligned(values: NDArray[Any]) -> NDArray[Any]:
    """A copy in memory as ONNX Runtime allocates it, which kernels may rely on."""
    memory = np.empty(values.nbytes + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    copy = memory[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def session_options(
    threads: int | None = None, folder: Path | None = None, *, spinning: bool = False
) -> ort.SessionOptions:
    """Options of a session, which says nothing but errors.

    Args:
        threads: ONNX Runtime's intra-op number; by default one for each core of this process.
        folder: of the files in which a model given as bytes has external weights.
        spinning: whether threads without work wait busily for some time.
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
