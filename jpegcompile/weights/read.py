"""Weights that a model keeps in files of their own: checking, mapping and telling them apart.

Large weights stay in their files: a model that refers to them is light, and may be checked,
rewritten and given to ONNX Runtime whatever their size.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper
from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_tensor,
    uses_external_data,
)

from jpegcompile.errors import AccessError, one_line

# Smaller ones are read into the model: they may be shapes and axes, whose values inference needs.
LARGE = 4096
# The others are packed, or unknown to NumPy.
PLAIN_TYPES = (
    *(TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE),
    *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64),
    *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
)

_CHUNK = 1 << 20


def load_weights(model: onnx.ModelProto, path: Path) -> list[str]:
    """Check the files of external weights, and read the small tensors into the model.

    What stays external afterwards are initializers of `LARGE` bytes and more, of a type that NumPy
    has; a large Constant becomes an initializer.

    Returns:
        The files of weights, relative to the model's folder, in order of their names.

    Raises:
        AccessError: if one cannot be read. onnx refuses links, and files outside the model's
            folder.
    """
    tensors = [tensor for tensor in tensors_of(model.graph) if uses_external_data(tensor)]
    try:
        locations = {_require_file(tensor, path) for tensor in tensors}
        _constants_to_initializers(model.graph, path.parent)
        for tensor in model.graph.initializer:
            if _is_mappable(tensor, path.parent):
                _require_plain(tensor, path.parent)
            elif uses_external_data(tensor):
                load_external_data_for_tensor(tensor, str(path.parent))
        for holder in (model.graph, *model.functions):
            for tensor in _tensors_in(holder.node):
                if uses_external_data(tensor):
                    load_external_data_for_tensor(tensor, str(path.parent))
    except (checker.ValidationError, OSError, ValueError) as error:
        raise AccessError(
            f"{path}: cannot read its external weights: {one_line(error)};"
            " put the model and the file of its weights into one folder, as plain files"
        ) from error
    return sorted(locations)


def external_files(path: Path) -> list[Path]:
    """The files of weights that a model names, there or not; none where it cannot be read."""
    try:
        model = onnx.load_model(str(path), load_external_data=False)
        tensors = [t for t in tensors_of(model.graph) if uses_external_data(t)]
        locations = {str(ExternalDataInfo(tensor).location) for tensor in tensors}
    except Exception:
        # Whoever loads the model for good says what is wrong with it.
        return []
    return [path.parent / location for location in sorted(locations)]


def fingerprint(content: bytes, path: Path, locations: list[str]) -> str:
    """SHA-256 of a model and its files of weights, hexadecimal; of the file alone without them.

    Raises:
        AccessError: if a file cannot be read.
    """
    digest = hashlib.sha256(content)
    for location in locations:
        digest.update(location.encode())
        try:
            with (path.parent / location).open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise AccessError(
                f"{path}: cannot read '{location}': {error.strerror}; check the file of weights"
            ) from error
    return digest.hexdigest()


def tensors_of(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Every tensor of a graph that can hold weights, subgraphs included."""
    yield from graph.initializer
    yield from _tensors_in(graph.node)


def _tensors_in(nodes: Iterable[onnx.NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from tensors_of(inner)


class MappedWeights:
    """Arrays of external tensors, mapped from their files and read when they are used."""

    def __init__(self, folder: Path) -> None:
        """Maps files in `folder`, that of the model."""
        self._folder = folder
        # One map a file: each holds a file descriptor.
        self._files: dict[str, NDArray[np.uint8]] = {}

    def array(self, tensor: TensorProto) -> NDArray[Any]:
        """The values of a tensor that `load_weights` left external; read-only."""
        info = ExternalDataInfo(tensor)
        if info.location not in self._files:
            file = self._folder / info.location
            self._files[info.location] = np.memmap(file, np.uint8, mode="r")
        start = int(info.offset or 0)
        content = self._files[info.location][start : start + _size(tensor)]
        return content.view(_dtype(tensor)).reshape(tuple(tensor.dims))


def _dtype(tensor: TensorProto) -> np.dtype[Any]:
    return np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))


def _size(tensor: TensorProto) -> int:
    return int(math.prod(tensor.dims) * _dtype(tensor).itemsize)


def _is_mappable(tensor: TensorProto, folder: Path) -> bool:
    """Whether a tensor is large, of a type that NumPy has, and its bytes are as many as it says."""
    if not uses_external_data(tensor) or tensor.data_type not in PLAIN_TYPES:
        return False
    info = ExternalDataInfo(tensor)
    length = info.length
    if length is None:
        length = (folder / info.location).stat().st_size - (info.offset or 0)
    return bool(LARGE <= _size(tensor) == length)


def _constants_to_initializers(graph: onnx.GraphProto, folder: Path) -> None:
    """Constant<value = w>() => initializer w, for tensors that can be mapped."""
    outputs = {output.name for output in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in graph.node:
        values = [a.t for a in node.attribute if a.name == "value" and a.HasField("t")]
        is_constant = node.op_type == "Constant" and node.output[0] not in outputs
        if is_constant and values and _is_mappable(values[0], folder):
            tensor = graph.initializer.add()
            tensor.CopyFrom(values[0])
            tensor.name = node.output[0]
        else:
            kept.append(node)
    if len(kept) < len(graph.node):
        del graph.node[:]
        graph.node.extend(kept)


def _require_file(tensor: TensorProto, path: Path) -> str:
    info = ExternalDataInfo(tensor)
    file = path.parent / info.location
    if not file.is_file():
        raise AccessError(
            f"{path}: weights are in '{info.location}', which is missing;"
            f" put that file into {path.parent}"
        )
    needed = (info.offset or 0) + (info.length or 0)
    if file.stat().st_size < needed:
        raise AccessError(
            f"{path}: '{info.location}' ends before tensor '{tensor.name}'"
            f" ({file.stat().st_size} bytes, {needed} needed); copy the whole file"
        )
    return str(info.location)


def _require_plain(tensor: TensorProto, folder: Path) -> None:
    """Let onnx refuse links and files outside the folder, as it does where it reads a tensor."""
    probe = TensorProto(name=tensor.name, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", ExternalDataInfo(tensor).location), ("length", "0")):
        probe.external_data.add(key=key, value=value)
    load_external_data_for_tensor(probe, str(folder))
