"""Write the ONNX model of a module, with the learned weights in its own initializers."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.external_data_helper import uses_external_data
from torch import nn

from jpegcompile.backends.emit import emit_in_parts
from jpegcompile.compiler import compile as compile_model
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import InternalError
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.frontend.walk import all_graphs
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.learning.lowering.slots import Slot, frequencies_of, plan_of
from jpegcompile.learning.onnx.origin import OnnxSource
from jpegcompile.learning.onnx.prepared import prepared
from jpegcompile.learning.onnx.sharing import separate_vectors
from jpegcompile.messages import Message
from jpegcompile.options.requested import compile_options
from jpegcompile.weights.read import MappedWeights
from jpegcompile.weights.write import save

# Below this IR version, every initializer is also an input of the graph.
_INITIALIZERS_ALONE = 4
Arrays = dict[str, NDArray[Any]]


def write_onnx(
    module: nn.Module,
    source: OnnxSource,
    path: str | os.PathLike[str] | None = None,
    *,
    compiled: str | os.PathLike[str] | None = None,
    **options: Any,
) -> onnx.ModelProto:
    """Write the ONNX model that a module comes from, with the weights that the module learned.

    Args:
        module: a module of `from_onnx`.
        source: its `source`.
        path: file of the ordinary, spatial model; None to return the model only.
        compiled: file of the JPEG-domain model; None to write none.
        options: options of `compile` for it, in place of those of `from_onnx`.

    Returns:
        The spatial model.

    Raises:
        UsageError, UnsupportedModelError: as for `compile`.
        AccessError: if a file cannot be written.
    """
    folder = None if path is None else Path(path).resolve().parent
    # Otherwise writing the result will fail, with an error that says so.
    is_writable = folder is not None and os.access(folder, os.W_OK)
    model, external = with_learned(module, source, folder if is_writable else None)
    if path is not None:
        save(model, path, external)
    if external:
        _read_in(model, external)
    if compiled is not None:
        asked = {**source.options, **_frequencies_of(module, source), **options}
        compile_model(model if path is None else path, **asked).save(compiled)
    return model


def with_learned(
    module: nn.Module, source: OnnxSource, folder: Path | None = None
) -> tuple[onnx.ModelProto, Arrays]:
    """Return the model with the learned weights, and the values of its external initializers.

    Args:
        module: a module of `from_onnx`.
        source: its `source`.
        folder: folder with room for another copy of external weights; None for the system's.

    Raises:
        InternalError: if the passes do not find the learned weights in the model.
    """
    values = learned_values(module, source)
    if source.rewritten is not None:
        return _rewritten(source, values)
    before = _prepared(source.source, source).graph.tensors()
    changed = {n: v for n, v in values.items() if not _is(value_of(before[n]), v)}
    model, external = _with_weights(source, changed)
    _check(source, model, values, external, folder)
    return model, external


def _rewritten(source: OnnxSource, values: Arrays) -> tuple[onnx.ModelProto, Arrays]:
    """Return the graph in canonical form with learned values."""
    module = _prepared(source.source, source)
    for name, tensor in module.graph.tensors().items():
        if name in values:
            tensor.values = values[name].astype(tensor.dtype)
    return emit_in_parts(module)


def _prepared(model: Source, source: OnnxSource) -> Module:
    options = compile_options(**source.options)
    return prepared(model, options, merges_normalizations=source.merges).module


def _is(found: NDArray[Any] | None, wanted: NDArray[Any]) -> bool:
    return found is not None and np.array_equal(found, wanted, equal_nan=True)


def _check(
    source: OnnxSource,
    model: onnx.ModelProto,
    values: Arrays,
    external: Arrays,
    folder: str | os.PathLike[str] | None,
) -> None:
    """Check that the passes find every learned weight where a module would read it."""
    if not external:
        _check_source(source, model, values)
        return
    # A model with its weights may be too large for memory; the folder has room for the result.
    with TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "model.onnx"
        save(model, path, external)
        _check_source(source, path, values)


def _check_source(source: OnnxSource, model: onnx.ModelProto | Path, values: Arrays) -> None:
    again = load_source(model, source.options.get("image_input"))
    separate_vectors(again.model)
    made = _prepared(again, source)
    tensors = made.graph.tensors()
    for name, learned in values.items():
        half = name in made.half_constants
        wanted = learned.astype(np.float16).astype(learned.dtype) if half else learned
        # A vector that has one reader left keeps its own name.
        found = value_of(tensors.get(name) or tensors.get(source.copies.get(name, "")))
        if not _is(found, wanted):
            raise InternalError(
                Message(
                    "learning-weights-misplaced",
                    f"{source.source.name}: the learned weight '{name}' is not where the model"
                    " reads it; please report the model",
                )
            )


def learned_values(module: nn.Module, source: OnnxSource) -> Arrays:
    """Return the learned values by the name of the constant in the prepared graph."""
    state = module.state_dict()
    values = {}
    for path, learned in source.learned.items():
        tensor = state[path].detach().cpu()
        array = (tensor.T if learned.is_transposed else tensor).numpy()
        values[learned.tensor] = np.ascontiguousarray(array).reshape(learned.shape)
    return values


def _with_weights(source: OnnxSource, values: Arrays) -> tuple[onnx.ModelProto, Arrays]:
    """Return the file with learned values, and the values of its external initializers."""
    model = onnx.ModelProto()
    model.CopyFrom(source.file)
    before = {t.name: t for t in model.graph.initializer}
    external = {}
    if source.folder is not None:
        mapped = MappedWeights(source.folder)
        external = {t.name: mapped.array(t) for t in before.values() if uses_external_data(t)}
    old = {t.name: t for t in source.source.model.graph.initializer}
    learned = {}
    for name, value in values.items():
        origin = source.origins[name]
        tensor = before.get(source.copies.get(origin.name, origin.name))
        if tensor is None:
            _replace_node(model, origin.name, value)
            continue
        known = external.get(tensor.name)
        known = numpy_helper.to_array(tensor) if known is None else known
        learned[origin.name] = origin.write(value, known)
    # Nodes that were replaced do not read shared vectors any more.
    reading = {
        f"{read}.{node.output[0]}.{index}"
        for node in model.graph.node
        for index, read in enumerate(node.input)
    }
    for copy in source.copies:
        if copy in reading:
            learned.setdefault(copy, numpy_helper.to_array(old[copy]))
    for copy, name in separate_vectors(model, _split(source, learned)).items():
        if name in external:
            external[copy] = external[name]
    after = {t.name: t for t in model.graph.initializer}
    for name, value in learned.items():
        target = name if name in after else source.copies[name]
        if target in external:
            external[target] = value
        else:
            after[target].CopyFrom(numpy_helper.from_array(value, target))
    return model, {name: value for name, value in external.items() if name in after}


def _split(source: OnnxSource, learned: Arrays) -> set[str]:
    """Return the shared vectors whose readers learned different values."""
    first: Arrays = {}
    split = set()
    for copy, name in source.copies.items():
        if copy in learned and not np.array_equal(
            first.setdefault(name, learned[copy]), learned[copy], equal_nan=True
        ):
            split.add(name)
    return split


def _replace_node(model: onnx.ModelProto, name: str, values: NDArray[Any]) -> None:
    """Replace the node that computes a constant by an initializer of the same name."""
    graph = model.graph
    index = next(i for i, node in enumerate(graph.node) if name in node.output)
    read = set(graph.node[index].input)
    del graph.node[index]
    read -= {n for each in all_graphs(graph) for node in each.node for n in node.input}
    for holder in (graph.initializer, graph.input):
        kept = [entry for entry in holder if entry.name not in read]
        del holder[:]
        holder.extend(kept)
    tensor = numpy_helper.from_array(values, name)
    graph.initializer.append(tensor)
    if model.ir_version < _INITIALIZERS_ALONE:
        value = helper.make_tensor_value_info(name, tensor.data_type, tensor.dims)
        graph.input.append(value)


def _read_in(model: onnx.ModelProto, external: Arrays) -> None:
    for tensor in model.graph.initializer:
        if tensor.name in external:
            tensor.CopyFrom(numpy_helper.from_array(external[tensor.name], tensor.name))


def _frequencies_of(module: nn.Module, source: OnnxSource) -> dict[str, Any]:
    """Return the frequencies of a module as options, if they were set after it was made.

    Raises:
        UsageError: if some of its masks are ASM and others APX.
    """
    plan = plan_of(
        (
            slot.names[0],
            *frequencies_of(module.get_submodule(slot.mask), _kept(module, slot)),
        )
        for slot in getattr(module, "slots", ())
    )
    before = compile_options(**source.options).frequencies
    is_same = plan.nodes == source.decisions and (
        plan.masking == before.masking or all(n.mask == ALL for n in plan.nodes.values())
    )
    return {} if is_same else {"frequencies": plan, "truncate": None, "relu": None}


def _kept(module: nn.Module, slot: Slot) -> int:
    truncate: Any = module.get_submodule(slot.truncate)
    return int(truncate.frequencies)
