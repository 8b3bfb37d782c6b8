"""Load, check and normalize an ONNX source model."""

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
from jpegcompile.frontend.raising.raise_model import (
    OWN_DOMAINS,
    Raised,
    has_own_operators,
    raise_operators,
)
from jpegcompile.frontend.runtime_fused import undo_fusions
from jpegcompile.frontend.sparse import make_dense
from jpegcompile.frontend.texts import spell_in_utf8
from jpegcompile.frontend.tidy import name_nodes, tidy_graphs, tidy_metadata, tidy_opsets
from jpegcompile.ir.complaints import complaint
from jpegcompile.messages import Message
from jpegcompile.opset import standard_opset
from jpegcompile.target.base import CPU_PROVIDERS
from jpegcompile.weights.read import fingerprint, load_weights, tensors_of

OLDEST_OPSET = 7
# Bytes 4 to 7 of a file in ONNX Runtime's own format.
_ORT_FORMAT = b"ORTM"


@dataclass(frozen=True)
class Source:
    """A checked and normalized source model.

    Attributes:
        model: the model without local functions. Large external weights stay in their files.
        name: name of the model in messages.
        sha256: hash of the serialized model and its external weight files.
        folder: folder to which the paths of weight files are relative; None for a model in memory.
        files: the model file and its weight files.
        integer_pixels: integer type of the image input in the file, such as "uint8"; None for a
            floating-point input. The image input of `model` is float32 in both cases.
        has_batch: whether the image input of the file has a batch. The image input of `model`
            always has one.
        raised: what the file contained besides the network, if it had `jpegcompile` operators,
            which `model` does not have; None for other files.
    """

    model: onnx.ModelProto
    name: str
    sha256: str
    folder: Path | None = None
    files: tuple[Path, ...] = ()
    integer_pixels: str | None = None
    has_batch: bool = True
    raised: Raised | None = None


def load_source(
    model: str | os.PathLike[str] | onnx.ModelProto, image_input: str | None = None
) -> Source:
    """Load a model and refuse models that cannot be compiled.

    Args:
        model: path of an ONNX file, or a model in memory.
        image_input: name of the image input, if several inputs could be the image.

    Raises:
        AccessError: if the file or one of its weight files cannot be read.
        UnsupportedModelError: if the model is not valid ONNX, is newer than the installed ONNX
            Runtime, uses operators outside the ONNX standard, or computes with the integers of its
            image input.
    """
    return _cleaned(load_standard(model), image_input)


def load_standard(model: str | os.PathLike[str] | onnx.ModelProto) -> Source:
    """Load a model and raise its `jpegcompile` operators, without normalizing it further.

    Args:
        model: as for `load_source`.

    Raises:
        AccessError, UnsupportedModelError: as for `load_source`.
    """
    if isinstance(model, onnx.ModelProto):
        _refuse_absent_weights(model)
        content = _serialized(model)
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return _raised(Source(copy, "model", hashlib.sha256(content).hexdigest()))
    return _raised(_read(Path(model)))


def _raised(source: Source) -> Source:
    """Tidy the model of a source in place, and raise its `jpegcompile` operators."""
    model, name = source.model, source.name
    spell_in_utf8(model, name)
    tidy_opsets(model)
    tidy_metadata(model)
    _refuse_newer(source)
    make_dense(model.graph, name)
    tidy_graphs(model.graph, name)
    sort_nodes(model, name)
    if not has_own_operators(model):
        return source
    if any(function.domain not in OWN_DOMAINS for function in model.functions):
        model = _inlined(model, name, OWN_DOMAINS)
    name_nodes(model.graph)
    raised = raise_operators(model, name, source.folder)
    return replace(source, model=model, raised=raised)


def _cleaned(source: Source, image_input: str | None) -> Source:
    """Normalize the model of a source in place, or refuse it."""
    model, name, raised = source.model, source.name, source.raised
    if model.functions:
        model = _inlined(model, name)
    name_nodes(model.graph)
    undo_fusions(model)
    refuse_foreign(model.graph, name)
    spell_out_constants(model.graph)
    _clean_sizes(model.graph)
    infer_declarations(model, name)
    check_model(model, name)
    if image_input is None and raised is not None and raised.info is not None:
        image_input = raised.info.input.name
    pixels = take_float_pixels(model, name, image_input)
    has_batch = not add_batch(model, name, image_input)
    return replace(source, model=model, integer_pixels=pixels, has_batch=has_batch, raised=raised)


def _read(path: Path) -> Source:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AccessError(
            Message("model-unreadable", f"{path}: cannot read: {error.strerror}; check the path")
        ) from error
    if content[4:8] == _ORT_FORMAT:
        raise UnsupportedModelError(
            Message(
                "model-in-ort-format",
                f"{path}: the model is in ONNX Runtime's own format; give the .onnx model that it"
                " was converted from",
            )
        )
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise UnsupportedModelError(
            Message(
                "model-not-onnx", f"{path}: not an ONNX file, or it is damaged; give a .onnx model"
            )
        ) from error
    if not proto.HasField("graph") or not proto.graph.node:
        raise UnsupportedModelError(
            Message("model-without-graph", f"{path}: contains no ONNX graph; give a .onnx model")
        )
    locations = load_weights(proto, path)
    files = (path, *(path.parent / location for location in locations))
    return Source(proto, str(path), fingerprint(content, path, locations), path.parent, files)


def _refuse_absent_weights(model: onnx.ModelProto) -> None:
    absent = next((t.name for t in tensors_of(model.graph) if uses_external_data(t)), None)
    if absent is not None:
        raise UnsupportedModelError(
            Message(
                "model-weights-not-in-memory",
                f"model: the values of '{absent}' are external data and not in memory; give the"
                " path of the model instead",
            )
        )


def _inlined(model: onnx.ModelProto, source: str, kept: tuple[str, ...] = ()) -> onnx.ModelProto:
    """Return the model without local functions, except functions in the operator domains `kept`.

    onnx can convert a function from another opset only if the types of initializers are declared.
    The types are therefore declared during inlining.

    Raises:
        UnsupportedModelError: if onnx cannot inline a function, or a function is in the standard
            operator domain. For such a function, ONNX Runtime runs either the function or the
            operator, depending on its kernels.
    """
    hidden = next((f.name for f in model.functions if f.domain in ("", "ai.onnx")), None)
    if hidden is not None:
        raise UnsupportedModelError(
            Message(
                "function-in-standard-operator-domain",
                f"{source}: local function '{hidden}' is in the operator domain of the ONNX"
                " standard; move it to an operator domain of its own",
            )
        )
    declared = {value.name for value in (*model.graph.value_info, *model.graph.input)}
    weights = {t.name: t for t in model.graph.initializer if t.name not in declared}
    model.graph.value_info.extend(
        helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in weights.values()
    )
    try:
        if kept:
            own = [(f.domain, f.name) for f in model.functions if f.domain in kept]
            inlined = inliner.inline_selected_functions(model, own, exclude=True)
        else:
            inlined = inliner.inline_local_functions(model, convert_version=True)
    except Exception as error:
        # onnx passes on any exception of its C++ code.
        raise UnsupportedModelError(
            Message(
                "functions-not-inlined",
                f"{source}: cannot inline the local functions: {complaint(error)}; export the"
                " model without functions",
            )
        ) from error
    declarations = [value for value in inlined.graph.value_info if value.name not in weights]
    del inlined.graph.value_info[:]
    inlined.graph.value_info.extend(declarations)
    return inlined


def _serialized(model: onnx.ModelProto) -> bytes:
    try:
        return bytes(model.SerializeToString(deterministic=True))
    except EncodeError as error:
        raise UnsupportedModelError(
            Message(
                "model-too-large-in-memory",
                "model: has 2 GB or more in memory, which protobuf cannot serialize; save it with"
                " its weights as external data and give the path",
            )
        ) from error


def _refuse_newer(source: Source) -> None:
    """Refuse unsupported IR versions and opsets.

    Compiled files have a fixed IR version, so the IR version that ONNX Runtime supports does not
    matter. But a file newer than the installed onnx may contain fields that onnx would silently
    drop.
    """
    if source.model.ir_version > onnx.IR_VERSION:
        raise UnsupportedModelError(
            Message(
                "ir-version-too-new",
                f"{source.name}: IR version {source.model.ir_version} is newer than"
                f" {onnx.IR_VERSION}, the newest of the installed onnx {onnx.__version__}; upgrade"
                " onnx or export an older IR version",
            )
        )
    opset = standard_opset(source.model.opset_import)
    if not opset:
        raise UnsupportedModelError(
            Message("opset-missing", f"{source.name}: has no ONNX opset; export the model again")
        )
    if opset < OLDEST_OPSET:
        raise UnsupportedModelError(
            Message(
                "opset-too-old",
                f"{source.name}: opset {opset} is older than {OLDEST_OPSET};"
                " convert it with onnx.version_converter",
            )
        )
    newest = newest_opset()
    if opset > newest:
        raise UnsupportedModelError(
            Message(
                "opset-too-new",
                f"{source.name}: opset {opset} is newer than {newest}, the newest of the installed"
                f" ONNX Runtime {ort.__version__}; upgrade onnxruntime or export an older opset",
            )
        )


@cache
def newest_opset() -> int:
    """Return the newest opset that the installed ONNX Runtime loads; found by trial."""
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
    """Convert sizes of -1 and batches of 0 to dynamic dimensions, which exporters mean by them."""
    for value in (*graph.input, *graph.output, *graph.value_info):
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if size.HasField("dim_value") and size.dim_value < (1 if axis == 0 else 0):
                size.ClearField("dim_value")
