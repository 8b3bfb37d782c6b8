"""Opening files of models, and the sessions of ONNX Runtime that run them."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import onnxruntime as ort
from google.protobuf.message import DecodeError

from jpegcompile.backends.metadata import CompiledInfo, read_metadata
from jpegcompile.errors import AccessError, UnsupportedModelError, one_line
from jpegcompile.runtime.native import library_for, register

# Where external weights of a model are that ONNX Runtime is given as bytes.
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


def read_compiled(path: str | os.PathLike[str]) -> tuple[onnx.ModelProto, CompiledInfo | None]:
    """An ONNX file and its jpegcompile metadata, None if it is not a compiled model.

    Raises:
        AccessError: if the file cannot be read.
        UnsupportedModelError: if it is not ONNX, or its metadata is damaged or newer.
    """
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
    arena: bool = True,
    optimised: bool = True,
) -> ort.InferenceSession:
    """An ONNX Runtime session on the CPU whose idle threads do not spin.

    Args:
        model: the model.
        threads: ONNX Runtime's intra-op number.
        folder: of the files in which the model has external weights.
        native: whether native kernels run the nodes that they are for.
        arena: whether ONNX Runtime keeps the memory of a run for the next one.
        optimised: whether it may fuse and reorder what the model computes.

    Raises:
        UnsupportedModelError: if ONNX Runtime refuses the model.
        AccessError: if the native kernels cannot be loaded.
    """
    options = session_options(threads, folder)
    options.enable_cpu_mem_arena = options.enable_mem_pattern = arena
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    library = library_for(model, native)
    if library is not None:
        register(options, library)
    try:
        return ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise UnsupportedModelError(f"ONNX Runtime refuses the model: {one_line(error)}") from error


def session_options(
    threads: int | None = None, folder: Path | None = None, *, spinning: bool = False
) -> ort.SessionOptions:
    """Options of a session, which says nothing but errors.

    Args:
        threads: ONNX Runtime's intra-op number.
        folder: of the files in which a model given as bytes has external weights.
        spinning: whether threads without work wait busily for some time.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    if threads is not None:
        options.intra_op_num_threads = threads
    if folder is not None:
        options.add_session_config_entry(_WEIGHTS_FOLDER, str(folder.absolute()))
    return options
