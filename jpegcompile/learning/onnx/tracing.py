"""Find where a file has the weights that a module learns.

Names tell it for most of them. For the others, every element of a tensor of the file is replaced by
its own index, and the passes run again: the constant that they make then consists of indices. An
index is written in digits of base 1024, one run for each digit, because float16 represents larger
numbers with errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from numpy.typing import NDArray
from onnx import numpy_helper

from jpegcompile.errors import JpegCompileError
from jpegcompile.frontend.load import Source
from jpegcompile.ir.graph import is_float
from jpegcompile.ir.module import CompileOptions
from jpegcompile.ir.weights import import_graph
from jpegcompile.learning.onnx.origins import Origin, named_origin
from jpegcompile.learning.onnx.prepared import Prepared, prepared
from jpegcompile.learning.onnx.roles import Role

_BASE = 1024
Arrays = dict[str, NDArray[Any]]


def trace(
    ready: Prepared, roles: Sequence[Role], source: Source, options: CompileOptions, merges: bool
) -> dict[str, Origin]:
    """Return the origins of learned constants by name, as far as they are found.

    Args:
        ready: the prepared model.
        roles: its learned constants.
        source: the checked model.
        options: the options with which it was prepared.
        merges: whether normalizations were merged.
    """
    graph = import_graph(source.model, source.folder)
    values, computed = {}, set()
    for name, tensor in graph.tensors().items():
        if isinstance(tensor, gs.Constant):
            values[name] = np.asarray(tensor.values)
        elif tensor.inputs:
            computed.add(name)
    found, rest = {}, {}
    for role in roles:
        origin = named_origin(role.tensor, ready.module, values, computed)
        if origin is not None:
            found[role.tensor.name] = origin
        else:
            rest[role.tensor.name] = np.asarray(role.tensor.values)
    normalized = {t.name for n in graph.nodes if n.op == "InstanceNormalization" for t in n.inputs}
    likely = _alike(values, rest)
    # The ones and zeros of an instance normalization are factors of a group normalization.
    for chosen in (_without(likely, normalized), likely):
        missing = {name: array for name, array in rest.items() if name not in found}
        if missing and chosen:
            found |= _probed(missing, chosen, source, options, merges)
    return found


def _without(values: Arrays, names: set[str]) -> Arrays:
    return {
        name: array
        for name, array in values.items()
        if name not in names or not np.isin(array, (0, 1)).all()
    }


def _alike(values: Arrays, wanted: Mapping[str, NDArray[Any]]) -> Arrays:
    """Return the tensors that have the elements of a wanted constant, in any order."""
    keys = {_elements(array) for array in wanted.values()}
    sizes = {array.size for array in wanted.values()}
    return {
        name: array
        for name, array in values.items()
        if array.size in sizes and array.dtype.kind == "f" and _elements(array) in keys
    }


def _elements(array: NDArray[Any]) -> bytes:
    return np.sort(array.reshape(-1).astype(np.float64)).tobytes()


def _probed(
    wanted: Arrays, chosen: Arrays, source: Source, options: CompileOptions, merges: bool
) -> dict[str, Origin]:
    """Return the origins of wanted constants among chosen tensors."""
    starts, total = {}, 0
    for name, array in chosen.items():
        starts[name], total = total, total + array.size
    indices = {name: np.zeros(array.size, np.int64) for name, array in wanted.items()}
    digit = 1
    while digit < total:
        tagged = {
            name: (np.arange(starts[name], starts[name] + array.size) // digit % _BASE + 1)
            .reshape(array.shape)
            .astype(array.dtype)
            for name, array in chosen.items()
        }
        try:
            again = prepared(_with(source, tagged), options, merges_normalizations=merges)
        except JpegCompileError:
            # The passes may refuse a model with such weights; then nothing is known.
            return {}
        made = again.module.graph.tensors()
        for name in list(indices):
            digits = _digits(made.get(name), wanted[name].shape)
            if digits is None:
                del indices[name]
            else:
                indices[name] += digits * digit
        digit *= _BASE
    return {
        name: origin
        for name, index in indices.items()
        if (origin := _origin(index, wanted[name], chosen, starts)) is not None
    }


def _digits(tensor: gs.Tensor | None, shape: tuple[int, ...]) -> NDArray[np.int64] | None:
    """Return the digits of a constant; None if it contains anything else."""
    if not isinstance(tensor, gs.Constant) or not is_float(tensor):
        return None
    values = np.asarray(tensor.values, np.float64)
    is_whole = bool(
        (values == np.floor(values)).all() and ((values >= 1) & (values <= _BASE)).all()
    )
    if values.shape != shape or not is_whole:
        return None
    return values.reshape(-1).astype(np.int64) - 1


def _origin(
    index: NDArray[np.int64], values: NDArray[Any], chosen: Arrays, starts: Mapping[str, int]
) -> Origin | None:
    """Return the tensor whose elements the indices count, each once and with the same values."""
    for name, start in starts.items():
        order, array = index - start, chosen[name].reshape(-1)
        if array.size != order.size or not np.array_equal(np.sort(order), np.arange(order.size)):
            continue
        is_same = np.array_equal(array[order].astype(values.dtype), values.reshape(-1))
        return Origin(name, order) if is_same else None
    return None


def _with(source: Source, values: Mapping[str, NDArray[Any]]) -> Source:
    """Return a model with other values of initializers and Constant nodes."""
    model = onnx.ModelProto()
    model.CopyFrom(source.model)
    for tensor in model.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name], tensor.name))
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output[0] in values:
            del node.attribute[:]
            attribute = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
            attribute.t.CopyFrom(numpy_helper.from_array(values[node.output[0]]))
    return replace(source, model=model)
