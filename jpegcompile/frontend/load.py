"""Load an ONNX model: external data, the checker, and what is refused at once."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import onnx
import onnxruntime as ort
from google.protobuf.message import DecodeError, EncodeError
from onnx import TensorProto, helper, inliner
from onnx.external_data_helper import uses_external_data

from jpegcompile.errors import AccessError, UnsupportedModelError
from jpegcompile.frontend.check import check_model
from jpegcompile.frontend.constants import spell_out_constants
from jpegcompile.frontend.declarations import infer_declarations
from jpegcompile.frontend.foreign import refuse_foreign
from jpegcompile.frontend.image import add_batch
from jpegcompile.frontend.integer_pixels import take_float_pixels
from jpegcompile.frontend.order import sort_nodes
from jpegcompile.frontend.runtime_fused import undo_fusions
from jpegcompile.frontend.sparse import make_dense
from jpegcompile.frontend.texts import spell_in_utf8
from jpegcompile.frontend.tidy import name_nodes, tidy_graphs, tidy_metadata, tidy_opsets
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.complaints import complaint
from jpegcompile.opset import standard_opset
from jpegcompile.target.base import CPU_PROVIDERS
from jpegcompile.weights.read import fingerprint, load_weights, tensors_of

OLDEST_OPSET = 7
# How a file begins that holds a model in ONNX Runtime's own format.
_ORT_FORMAT = b"ORTM"


@dataclass(frozen=True)
class Source:
    """A source model, checked and cleaned.

    Attributes:
        model: without local functions; large weights of files of their own stay there.
        name: how messages call it.
        sha256: of the serialized model and its external weight files.
        folder: that the files of weights are relative to; None for a model in memory.
        files: the model's own and those of its weights.
        integer_pixels: type of the image input where the file has integers; `model` has float32.
        has_batch: whether the image input of the file has a batch; that of `model` always has.
    """

    model: onnx.ModelProto
    name: str
    sha256: str
    folder: Path | None = None
    files: tuple[Path, ...] = ()
    integer_pixels: str | None = None
    has_batch: bool = True


def load_source(
    model: str | os.PathLike[str] | onnx.ModelProto, image_input: str | None = None
) -> Source:
    """Read a model and refuse what cannot be compiled.

    Args:
        model: path of a model, or the model.
        image_input: which input is the image, where the model has several that could be.

    Raises:
        AccessError: if the file, or a file of external weights, cannot be read.
        UnsupportedModelError: if it is not a valid ONNX model, is newer than the installed ONNX
            Runtime, uses operators from outside the ONNX standard, or computes with the integers of
            its image input.
    """
    if isinstance(model, onnx.ModelProto):
        _refuse_absent_weights(model)
        content = _serialized(model)
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        source = Source(copy, "model", hashlib.sha256(content).hexdigest())
    else:
        source = _read(Path(model))
    return _cleaned(source, image_input)


def _cleaned(source: Source, image_input: str | None) -> Source:
    """The source in the form that the passes know, or refused; its model is changed in place."""
    model, name = source.model, source.name
    _refuse_compiled(source)
    spell_in_utf8(model, name)
    tidy_opsets(model)
    tidy_metadata(model)
    _refuse_newer(source)
    make_dense(model.graph, name)
    tidy_graphs(model.graph, name)
    sort_nodes(model, name)
    if model.functions:
        model = _inlined(model, name)
    name_nodes(model.graph)
    undo_fusions(model)
    refuse_foreign(model.graph, name)
    spell_out_constants(model.graph)
    _clean_sizes(model.graph)
    infer_declarations(model, name)
    check_model(model, name)
    pixels = take_float_pixels(model, name, image_input)
    has_batch = not add_batch(model, name, image_input)
    return replace(source, model=model, integer_pixels=pixels, has_batch=has_batch)


def _read(path: Path) -> Source:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AccessError(f"{path}: cannot read: {error.strerror}; check the path") from error
    if content[4:8] == _ORT_FORMAT:
        raise UnsupportedModelError(
            f"{path}: holds a model in ONNX Runtime's own format; give the .onnx model that it was"
            " made from"
        )
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise UnsupportedModelError(
            f"{path}: not an ONNX file, or a damaged one; give a .onnx model"
        ) from error
    if not proto.HasField("graph") or not proto.graph.node:
        raise UnsupportedModelError(f"{path}: holds no ONNX graph; give a .onnx model")
    locations = load_weights(proto, path)
    files = (path, *(path.parent / location for location in locations))
    return Source(proto, str(path), fingerprint(content, path, locations), path.parent, files)


def _refuse_absent_weights(model: onnx.ModelProto) -> None:
    absent = next((t.name for t in tensors_of(model.graph) if uses_external_data(t)), None)
    if absent is not None:
        raise UnsupportedModelError(
            f"model: the values of '{absent}' are external data, which is not in memory; give the"
            " path of the model"
        )


def _inlined(model: onnx.ModelProto, source: str) -> onnx.ModelProto:
    """The model without local functions.

    onnx knows no types of initializers when it converts a function from another opset, and fails:
    they are declared for as long as that takes.

    Raises:
        UnsupportedModelError: if onnx cannot inline one, or a function has the name of a standard
            operator: ONNX Runtime takes the one or the other, as it has a kernel or not.
    """
    hidden = next((f.name for f in model.functions if f.domain in ("", "ai.onnx")), None)
    if hidden is not None:
        raise UnsupportedModelError(
            f"{source}: its function '{hidden}' is in the domain of the standard operators; give"
            " it a domain of its own"
        )
    declared = {value.name for value in (*model.graph.value_info, *model.graph.input)}
    weights = {t.name: t for t in model.graph.initializer if t.name not in declared}
    model.graph.value_info.extend(
        helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in weights.values()
    )
    try:
        inlined = inliner.inline_local_functions(model, convert_version=True)
    except Exception as error:
        # It raises what its C++ throws, whatever that is.
        raise UnsupportedModelError(
            f"{source}: its local functions cannot be inlined: {complaint(error)}; export the"
            " model without functions"
        ) from error
    kept = [value for value in inlined.graph.value_info if value.name not in weights]
    del inlined.graph.value_info[:]
    inlined.graph.value_info.extend(kept)
    return inlined


def _serialized(model: onnx.ModelProto) -> bytes:
    try:
        return bytes(model.SerializeToString(deterministic=True))
    except EncodeError as error:
        raise UnsupportedModelError(
            "model: holds 2 GB or more in memory, which protobuf cannot carry; save it with its"
            " weights as external data and give the path"
        ) from error


def _refuse_compiled(source: Source) -> None:
    if any(entry.key == DOMAIN for entry in source.model.metadata_props):
        raise UnsupportedModelError(
            f"{source.name}: jpegcompile has compiled it already; give the model it was made from"
        )


def _refuse_newer(source: Source) -> None:
    """What ONNX Runtime reads of an IR version is no matter: compiled files have one of their own.

    But a file of a version that onnx does not know may hold what would be lost without a word.
    """
    if source.model.ir_version > onnx.IR_VERSION:
        raise UnsupportedModelError(
            f"{source.name}: IR version {source.model.ir_version} is newer than the"
            f" {onnx.IR_VERSION} that the installed onnx {onnx.__version__} knows; upgrade onnx or"
            " export an older version"
        )
    opset = standard_opset(source.model.opset_import)
    if not opset:
        raise UnsupportedModelError(f"{source.name}: names no ONNX opset; export the model again")
    if opset < OLDEST_OPSET:
        raise UnsupportedModelError(
            f"{source.name}: opset {opset} is older than {OLDEST_OPSET};"
            " convert it with onnx.version_converter"
        )
    newest = newest_opset()
    if opset > newest:
        raise UnsupportedModelError(
            f"{source.name}: opset {opset} is newer than the {newest} that the installed"
            f" ONNX Runtime {ort.__version__} runs; upgrade onnxruntime or export an older opset"
        )


@cache
def newest_opset() -> int:
    """The newest opset that the installed ONNX Runtime loads, found by asking it."""
    for version in range(onnx.defs.onnx_opset_version(), OLDEST_OPSET, -1):
        value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
        graph = helper.make_graph(
            [helper.make_node("Identity", "x", "y")], "probe", value[:1], value[1:]
        )
        probe = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8
        )
        try:
            ort.InferenceSession(probe.SerializeToString(), providers=list(CPU_PROVIDERS))
        except Exception:
            continue
        return version
    return OLDEST_OPSET


def _clean_sizes(graph: onnx.GraphProto) -> None:
    """Leave open what a file declares as -1, and a batch of 0: exporters mean any size by it."""
    for value in (*graph.input, *graph.output, *graph.value_info):
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if size.HasField("dim_value") and size.dim_value < (1 if axis == 0 else 0):
                size.ClearField("dim_value")
