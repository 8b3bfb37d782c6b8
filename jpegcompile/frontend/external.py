"""Weights that a model keeps in files of their own: reading them, and telling them apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import checker
from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_model,
    uses_external_data,
)

from jpegcompile.errors import AccessError, one_line

_CHUNK = 1 << 20


def load_weights(model: onnx.ModelProto, path: Path) -> list[str]:
    """Read external weights into the model.

    Returns:
        The files that they were in, relative to the model's folder, in order of their names.

    Raises:
        AccessError: if one cannot be read. onnx refuses links, and files outside the model's
            folder.
    """
    tensors = [tensor for tensor in _tensors(model.graph) if uses_external_data(tensor)]
    try:
        locations = {_require_file(tensor, path) for tensor in tensors}
        load_external_data_for_model(model, str(path.parent))
    except (checker.ValidationError, OSError, ValueError) as error:
        raise AccessError(
            f"{path}: cannot read its external weights: {one_line(error)};"
            " put the model and the file of its weights into one folder, as plain files"
        ) from error
    return sorted(locations)


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


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of a graph that can hold weights, subgraphs included."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _require_file(tensor: onnx.TensorProto, path: Path) -> str:
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
