"""The file format of caches.

A file contains, without gaps:

- the header (`Header`);
- the payloads of all samples in their order: the record of a `PackedImage`, or for an unusable
  sample a JSON list: class and code of the error, reason, name of the sample;
- the index: quantization tables, a row of `ENTRY` for each sample, the keys of all samples as one
  text in UTF-8, and a JSON object (`Meta`).

Numbers have the low byte first. Hashes are BLAKE2b of 16 bytes. The header has the hash of the
index, and its own; the index has the hash of each payload. Nothing depends on the time or on the
number of threads, so the same images always make the same bytes.
"""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass
from hashlib import blake2b
from typing import Final

import numpy as np

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.packed_image import Buffer
from jpegcompile.messages import Message

MAGIC: Final = b"\x89JPCACHE"
VERSION: Final = 1
# A path that ends with it is a cache wherever images are given.
SUFFIX: Final = ".jpegcache"
HASH: Final = 16

# Kinds of samples.
IMAGE, UNUSABLE = 0, 1

ENTRY: Final = np.dtype(
    [
        ("offset", "<u8"),  # of the payload in the file
        ("size", "<u8"),  # of the payload
        ("source_size", "<u8"),  # of the file, or of the member of a shard
        ("modified", "<i8"),  # time of the file in nanoseconds; 0 in a shard
        ("label", "<i8"),
        ("key_end", "<u8"),  # end of the key in the text of all keys
        ("shard", "<u4"),  # index of the shard; 0 without shards
        ("kind", "<u4"),
        ("hash", f"V{HASH}"),  # of the payload
        ("source_hash", f"V{HASH}"),  # of the file; zeros if it cannot be read
    ]
)

# A row of `ENTRY`.
ROW: Final = struct.Struct(f"<QQQqqQII{HASH}s{HASH}s")
assert ROW.size == ENTRY.itemsize

_FIELDS: Final = struct.Struct(f"<8sII9Q{HASH}s")
HEADER_BYTES: Final = 128


@dataclass(frozen=True)
class Header:
    """The header of a cache.

    Attributes:
        magic: `MAGIC`.
        version: version of the format.
        flags: 0.
        file_bytes: size of the file.
        samples: number of samples.
        tables: offset of the quantization tables, which is the start of the index.
        table_count: number of quantization tables.
        entries: offset of the rows of `ENTRY`.
        keys: offset of the keys.
        key_bytes: bytes of the keys.
        meta: offset of the JSON object.
        meta_bytes: bytes of the JSON object.
        index_hash: hash of the index.
    """

    magic: bytes
    version: int
    flags: int
    file_bytes: int
    samples: int
    tables: int
    table_count: int
    entries: int
    keys: int
    key_bytes: int
    meta: int
    meta_bytes: int
    index_hash: bytes

    def to_bytes(self) -> bytes:
        """Return the header with its hash, padded to `HEADER_BYTES`."""
        fields = _FIELDS.pack(*astuple(self))
        return (fields + hash_of(fields)).ljust(HEADER_BYTES, b"\0")

    @classmethod
    def of(cls, data: bytes, path: str) -> Header:
        """Read a header; checks the magic, the version and the hash.

        Args:
            data: first `HEADER_BYTES` of a file, or the whole of a shorter file.
            path: path of the file, for messages.

        Raises:
            ImageError: if it is not the header of a cache, or is damaged.
        """
        if data[: len(MAGIC)] != MAGIC:
            raise ImageError(
                Message(
                    "cache-not-recognized",
                    f"{path}: is not a cache of images; build one with jpegcompile cache",
                )
            )
        if len(data) < HEADER_BYTES:
            raise damaged(path, "it ends within its header")
        fields = data[: _FIELDS.size]
        made = cls(*_FIELDS.unpack(fields))
        if made.version != VERSION:
            raise ImageError(
                Message(
                    "cache-version-unknown",
                    f"{path}: has version {made.version} of the format, but this jpegcompile reads"
                    f" version {VERSION}; build it again with jpegcompile cache",
                )
            )
        if data != made.to_bytes():
            raise damaged(path, "its header does not have its hash")
        return made


def hash_of(data: Buffer) -> bytes:
    """Return the hash of bytes."""
    return blake2b(data, digest_size=HASH).digest()


def damaged(path: str, what: str) -> ImageError:
    """Return the error for a damaged cache."""
    return ImageError(
        Message(
            "cache-damaged", f"{path}: is damaged: {what}; build it again with jpegcompile cache"
        )
    )
