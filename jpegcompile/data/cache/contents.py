"""The bytes of a cache in memory, checked so that nothing is read out of bounds."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegcompile.data.cache.layout import (
    ENTRY,
    HEADER_BYTES,
    ROW,
    UNUSABLE,
    Header,
    damaged,
    hash_of,
)
from jpegcompile.data.cache.meta import Meta
from jpegcompile.data.sample import NO_LABEL
from jpegcompile.errors import AccessError, one_line
from jpegcompile.jpeg.packed_image import TABLE
from jpegcompile.messages import Message


class Row(NamedTuple):
    """A row of `ENTRY`."""

    offset: int
    size: int
    source_size: int
    modified: int
    label: int
    key_end: int
    shard: int
    kind: int
    hash: bytes
    source_hash: bytes


@dataclass(frozen=True, eq=False)
class Contents:
    """A cache that was opened.

    Attributes:
        header: the header.
        data: all bytes of the file.
        tables: quantization tables.
        entries: a row of `ENTRY` for each sample.
        keys: keys of all samples.
        meta: the data set as a whole.
    """

    header: Header
    data: memoryview
    tables: memoryview
    entries: NDArray[Any]
    keys: memoryview
    meta: Meta

    def row(self, index: int) -> Row:
        """Return the row of a sample; reading its fields from `entries` is slower."""
        return Row(*ROW.unpack_from(self.data, self.header.entries + index * ROW.size))

    def payload(self, index: int) -> memoryview:
        """Return the payload of a sample."""
        row = self.row(index)
        return self.data[row.offset : row.offset + row.size]

    def key(self, index: int) -> str:
        """Return the key of a sample."""
        start = self.row(index - 1).key_end if index else 0
        key = bytes(self.keys[start : self.row(index).key_end])
        return key.decode("utf-8", "surrogateescape")


def opened(path: str) -> Contents:
    """Open a cache. Checks the header, the index and every offset, but not the payloads.

    Args:
        path: path of the file.

    Raises:
        AccessError: if the file cannot be read.
        ImageError: if it is not a cache, or is damaged.
    """
    data = _mapped(path)
    header = Header.of(bytes(data[:HEADER_BYTES]), path)
    if header.file_bytes != len(data):
        raise damaged(path, f"it has {len(data)} bytes instead of {header.file_bytes}")
    ends = (
        (HEADER_BYTES, header.tables),
        (header.tables + header.table_count * TABLE, header.entries),
        (header.entries + header.samples * ENTRY.itemsize, header.keys),
        (header.keys + header.key_bytes, header.meta),
        (header.meta + header.meta_bytes, header.file_bytes),
    )
    if ends[0][0] > ends[0][1] or any(end != start for end, start in ends[1:]):
        raise damaged(path, "the parts of its index overlap")
    if hash_of(data[header.tables :]) != header.index_hash:
        raise damaged(path, "its index does not have its hash")
    entries = np.frombuffer(data[header.entries : header.keys], ENTRY)
    try:
        meta = Meta.of(bytes(data[header.meta :]))
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"its description is not valid ({one_line(error)})") from error
    _check(entries, header, meta, path)
    tables = data[header.tables : header.entries]
    return Contents(header, data, tables, entries, data[header.keys : header.meta], meta)


def _mapped(path: str) -> memoryview:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if os.fstat(file.fileno()).st_size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise AccessError(
            Message("cache-unreadable", f"{path}: cannot read: {reason}; check the path")
        ) from error


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; if it is a pipe, do not wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _check(entries: NDArray[Any], header: Header, meta: Meta, path: str) -> None:
    """Check every value of the rows that something is read by."""
    end = np.uint64(header.tables)
    offsets, sizes, key_ends = entries["offset"], entries["size"], entries["key_end"]
    are_valid = {
        "the place of a sample": (offsets >= HEADER_BYTES)
        & (offsets <= end)
        & (sizes <= end - np.minimum(offsets, end)),
        "a key": (key_ends <= header.key_bytes)
        & (key_ends >= np.concatenate([np.zeros(1, np.uint64), key_ends[:-1]])),
        "a label": entries["label"] >= NO_LABEL,
        "a shard": entries["shard"] < max(len(meta.shards), 1),
        "the kind of a sample": entries["kind"] <= UNUSABLE,
        "the order of the shards": np.diff(entries["shard"].astype(np.int64), prepend=0) >= 0,
    }
    for what, valid in are_valid.items():
        if not valid.all():
            raise damaged(path, f"{what} is out of range (sample {int(np.argmin(valid))})")
    if header.samples and int(key_ends[-1]) != header.key_bytes:
        raise damaged(path, "the last key does not end with the keys")
