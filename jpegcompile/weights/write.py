"""Writing models: in one file, or with the weights in a file of their own beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.external_data_helper import uses_external_data

from jpegcompile.files import write_together, writing
from jpegcompile.weights.read import tensors_of

# Smaller tensors stay in the model; that is also onnx's own bound.
SMALLEST = 1024
# What is left of 2 GB for everything but the weights: nodes, functions, metadata.
MOST_IN_ONE_FILE = (1 << 31) - (64 << 20)

_ALIGNMENT = 4096
_CHUNK = 64 << 20


class Place(NamedTuple):
    """Where a tensor's bytes are in a file of weights."""

    offset: int
    length: int


class WeightFile:
    """Appends weights to a file, each at a multiple of a page, so that they can be mapped.

    Attributes:
        end: bytes that the file has.
    """

    def __init__(self, stream: BinaryIO, location: str, end: int = 0) -> None:
        """Go on with a file of `end` bytes; `location` is what models call it."""
        self._stream = stream
        self._location = location
        self.end = end

    def append(self, values: NDArray[Any] | bytes) -> Place:
        """Write an array's elements in C order, or raw data as they are.

        Raises:
            OSError: if they cannot be written.
        """
        content = memoryview(values) if isinstance(values, bytes) else bytes_of(values)
        padding = -self.end % _ALIGNMENT
        self._stream.write(bytes(padding))
        place = Place(self.end + padding, len(content))
        for start in range(0, len(content), _CHUNK):
            self._stream.write(content[start : start + _CHUNK])
        self.end = place.offset + place.length
        return place

    def refer(self, tensor: onnx.TensorProto, place: Place) -> None:
        """Let a tensor have its values at a place of this file."""
        kept = onnx.TensorProto(
            name=tensor.name,
            data_type=tensor.data_type,
            dims=tensor.dims,
            data_location=onnx.TensorProto.EXTERNAL,
        )
        entries = {"location": self._location, "offset": place.offset, "length": place.length}
        for key, value in entries.items():
            kept.external_data.add(key=key, value=str(value))
        tensor.CopyFrom(kept)


def data_file(path: str | os.PathLike[str]) -> Path:
    """The file of weights that belongs to a model written at `path`."""
    target = Path(os.path.realpath(path) if os.path.islink(path) else path)
    return target.with_name(target.name + ".data")


def save(
    model: onnx.ModelProto,
    path: str | os.PathLike[str],
    weights: Mapping[str, NDArray[Any]] | None = None,
    *,
    external_data: bool = False,
    companions: Mapping[Path, bytes] | None = None,
) -> None:
    """Write a model so that it appears whole or not at all.

    Args:
        model: the model.
        path: of the file.
        weights: values of the initializers that the model has without them; with these there are
            always two files.
        external_data: whether weights go to a file of their own, `data_file(path)`.
        companions: contents of files that appear with the model, by their paths.

    Raises:
        AccessError: as `write_whole`; then what stood at all paths is still there.
    """
    others = [(file, writing(content)) for file, content in (companions or {}).items()]
    if not weights and not external_data:
        content = model.SerializeToString(deterministic=True)
        write_together([*others, (path, writing(content))])
        return
    light = onnx.ModelProto()
    light.CopyFrom(model)
    data = data_file(path)

    def write_weights(stream: BinaryIO) -> None:
        _move_weights(light, WeightFile(stream, data.name), weights or {})

    def write_model(stream: BinaryIO) -> None:
        stream.write(light.SerializeToString(deterministic=True))

    write_together([*others, (data, write_weights), (path, write_model)])


def _move_weights(
    model: onnx.ModelProto, file: WeightFile, weights: Mapping[str, NDArray[Any]]
) -> None:
    places: dict[str, Place] = {}
    for tensor in model.graph.initializer:
        if uses_external_data(tensor):
            places[tensor.name] = file.append(weights[tensor.name])
            file.refer(tensor, places[tensor.name])
        elif tensor.data_type != onnx.TensorProto.STRING:
            content = _raw_data(tensor)
            if len(content) >= SMALLEST:
                file.refer(tensor, file.append(content))
    # A branch may read a weight of the graph around it, and then the export repeats it there.
    for tensor in tensors_of(model.graph):
        if uses_external_data(tensor) and tensor.name in places:
            file.refer(tensor, places[tensor.name])


def _raw_data(tensor: onnx.TensorProto) -> bytes:
    if tensor.HasField("raw_data"):
        return tensor.raw_data
    return numpy_helper.from_array(numpy_helper.to_array(tensor)).raw_data


def bytes_of(values: NDArray[Any]) -> memoryview:
    """The elements of an array in C order, not copied where they lie so."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
