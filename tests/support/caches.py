"""Caches of small data sets, and what may be wrong with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jpegcompile import ImageBatch, PackedImages
from jpegcompile.data.cache.layout import HEADER_BYTES, Header, hash_of
from jpegcompile.data.placed_images import PlacedImages


def assert_same_batches(made: list[ImageBatch], expected: list[ImageBatch]) -> None:
    """Two lists of batches are equal in every value."""
    assert len(made) == len(expected)
    for one, other in zip(made, expected, strict=True):
        assert one.keys == other.keys
        assert one.labels.tolist() == other.labels.tolist()
        assert one.skipped == other.skipped
        ours, theirs = arrays_of(one.inputs), arrays_of(other.inputs)
        assert ours.keys() == theirs.keys()
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name], name)


def arrays_of(inputs: Any) -> dict[str, Any]:
    """All arrays of the inputs of a batch, by name."""
    if isinstance(inputs, dict):
        return inputs
    if isinstance(inputs, PackedImages):
        found = {"quantization": inputs.quantization, "frames": inputs.frames}
        for name, plane in inputs.planes.items():
            found |= {f"{name}/{part}": values for part, values in vars(plane).items()}
            found[f"{name}/extents"] = inputs.extents[name]
        return found
    if isinstance(inputs, PlacedImages):
        found = {**arrays_of(inputs.packed), **inputs.tensors}
        for name, bands in inputs.matrices.items():
            found |= {f"{name}/{part}": values for part, values in vars(bands).items()}
        return {**found, "is_transposed": inputs.is_transposed}
    if hasattr(inputs, "planes"):
        return dict(inputs.unpack())
    return {"tensor": inputs}


def with_header(data: bytes, **fields: Any) -> bytes:
    """A cache with other fields in its header, which has its hash again."""
    header = replace(Header.of(data[:HEADER_BYTES], "cache"), **fields)
    return header.to_bytes() + data[HEADER_BYTES:]


def with_index(data: bytes, start: int, new: bytes) -> bytes:
    """A cache with other bytes in its index, which has its hash again."""
    changed = data[:start] + new + data[start + len(new) :]
    tables = Header.of(data[:HEADER_BYTES], "cache").tables
    return with_header(changed, index_hash=hash_of(changed[tables:]))


def entries_of(path: Path) -> tuple[bytes, Header]:
    data = path.read_bytes()
    return data, Header.of(data[:HEADER_BYTES], str(path))
