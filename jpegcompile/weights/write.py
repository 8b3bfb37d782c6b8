"""Write a model as one file, or as a model file and a weight file."""

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

# Smaller tensors stay in the model file; onnx uses the same limit.
SMALLEST = 1024
# Bytes of weights in a model file. The rest of 2 GB is reserved for nodes, functions and metadata.
MOST_IN_ONE_FILE = (1 << 31) - (64 << 20)

_ALIGNMENT = 4096
_CHUNK = 64 << 20


class Place(NamedTuple):
    """Position of a tensor's bytes in a weight file."""

    offset: int
    length: int


class WeightFile:
    """Writer of a weight file that aligns each tensor to a page, so that it can be mapped.

    Attributes:
        end: size of the file in bytes.
    """

    def __init__(self, stream: BinaryIO, location: str, end: int = 0) -> None:
        """Continue a weight file.

        Args:
            stream: the file.
            location: name of the file in models.
            end: current size of the file in bytes.
        """
        self._stream = stream
        self._location = location
        self.end = end

    def append(self, values: NDArray[Any] | bytes) -> Place:
        """Write the elements of an array in C order, or raw bytes.

        Raises:
            OSError: if writing fails.
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
        """Make a tensor external, with its values at a position of this file."""
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
    """Return the path of the weight file for a model written at `path`."""
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
    """Write a model atomically, with its weight file and companion files.

    Args:
        model: the model.
        path: path of the model file.
        weights: values of the external initializers of the model. If given, a weight file is
            always written.
        external_data: whether to write the weights to a separate file, `data_file(path)`.
        companions: contents of further files to write, by path.

    Raises:
        AccessError: as `write_whole`; existing files are then unchanged.
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
    # The export repeats a weight in a branch that reads it from the enclosing graph.
    for tensor in tensors_of(model.graph):
        if uses_external_data(tensor) and tensor.name in places:
            file.refer(tensor, places[tensor.name])


def _raw_data(tensor: onnx.TensorProto) -> bytes:
    if tensor.HasField("raw_data"):
        return tensor.raw_data
    return numpy_helper.from_array(numpy_helper.to_array(tensor)).raw_data


def bytes_of(values: NDArray[Any]) -> memoryview:
    """Return the elements of an array in C order, without a copy if it is contiguous."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
