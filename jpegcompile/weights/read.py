"""Check, map and hash the external weight files of a model.

Large weights stay in their files. The model that refers to them is small, so it can be checked,
rewritten and loaded by ONNX Runtime whatever the size of the weights.
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
from jpegcompile.messages import Message

# Smaller tensors are read into the model, because they may be shapes or axes, and inference
# requires their values.
LARGE = 4096
# Types that can be memory-mapped. Other types are packed, or NumPy does not support them.
PLAIN_TYPES = (
    *(TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE),
    *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64),
    *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
)

_CHUNK = 1 << 20


def load_weights(model: onnx.ModelProto, path: Path) -> list[str]:
    """Check the external weight files, and read small tensors into the model, in place.

    Afterwards, only initializers of at least `LARGE` bytes and of a NumPy type are external. Large
    external Constants become initializers.

    Args:
        model: the model.
        path: path of the model file.

    Returns:
        The weight files relative to the model's folder, sorted by name.

    Raises:
        AccessError: if a weight file cannot be read. onnx refuses links and files outside the
            model's folder.
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
            Message(
                "weights-unreadable",
                f"{path}: cannot read its external weights: {one_line(error)};"
                " put the model and its weight files into one folder, as plain files",
            )
        ) from error
    return sorted(locations)


def external_files(path: Path) -> list[Path]:
    """Return the weight files that a model names, whether or not they exist.

    Args:
        path: path of the model file. If it cannot be read, the result is empty.
    """
    try:
        model = onnx.load_model(str(path), load_external_data=False)
        tensors = [t for t in tensors_of(model.graph) if uses_external_data(t)]
        locations = {str(ExternalDataInfo(tensor).location) for tensor in tensors}
    except Exception:
        # Loading the model later reports what is wrong with it.
        return []
    return [path.parent / location for location in sorted(locations)]


def fingerprint(content: bytes, path: Path, locations: list[str]) -> str:
    """Return the hexadecimal SHA-256 of a model file and its weight files.

    Args:
        content: content of the model file.
        path: path of the model file.
        locations: weight files relative to the model's folder.

    Raises:
        AccessError: if a weight file cannot be read.
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
                Message(
                    "weights-file-unreadable",
                    f"{path}: cannot read '{location}': {error.strerror}; check the weight file",
                )
            ) from error
    return digest.hexdigest()


def tensors_of(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Iterate over all initializers and tensor attributes of a graph and its subgraphs."""
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
    """Arrays of external tensors, memory-mapped from their files."""

    def __init__(self, folder: Path) -> None:
        """Prepare to map weight files in `folder`, the model's folder."""
        self._folder = folder
        # One map for each file, since each map uses a file descriptor.
        self._files: dict[str, NDArray[np.uint8]] = {}

    def array(self, tensor: TensorProto) -> NDArray[Any]:
        """Return the read-only values of a tensor that `load_weights` left external."""
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
    """Whether a tensor is external, large, of a NumPy type, and as long as its shape requires."""
    if not uses_external_data(tensor) or tensor.data_type not in PLAIN_TYPES:
        return False
    info = ExternalDataInfo(tensor)
    length = info.length
    if length is None:
        length = (folder / info.location).stat().st_size - (info.offset or 0)
    return bool(LARGE <= _size(tensor) == length)


def _constants_to_initializers(graph: onnx.GraphProto, folder: Path) -> None:
    """Rewrite Constant<value = w>() => initializer w, for tensors that can be mapped."""
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
            Message(
                "weights-file-missing",
                f"{path}: its weight file '{info.location}' is missing;"
                f" put that file into {path.parent}",
            )
        )
    needed = (info.offset or 0) + (info.length or 0)
    if file.stat().st_size < needed:
        raise AccessError(
            Message(
                "weights-file-truncated",
                f"{path}: weight file '{info.location}' has {file.stat().st_size} bytes, but tensor"
                f" '{tensor.name}' requires {needed}; copy the whole file",
            )
        )
    return str(info.location)


def _require_plain(tensor: TensorProto, folder: Path) -> None:
    """Let onnx refuse links and files outside the folder, as it does when it reads a tensor."""
    probe = TensorProto(name=tensor.name, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", ExternalDataInfo(tensor).location), ("length", "0")):
        probe.external_data.add(key=key, value=value)
    load_external_data_for_tensor(probe, str(folder))
