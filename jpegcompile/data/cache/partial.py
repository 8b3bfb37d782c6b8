"""The file that a cache is built in, which a killed build leaves and the next one continues.

`FILE.partial` becomes the cache. `FILE.partial.journal` has one line for each finished sample. The
line is written after the payload of the sample, has a hash, and contains the hash of the payload.
So a build continues after the last sample whose line and payload are whole.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from jpegcompile.data.cache.layout import (
    HASH,
    HEADER_BYTES,
    MAGIC,
    ROW,
    VERSION,
    Header,
    hash_of,
)
from jpegcompile.data.cache.meta import Meta
from jpegcompile.errors import AccessError
from jpegcompile.jpeg.packed_image import TABLE
from jpegcompile.messages import Message

# Bytes of a line after its length, bytes of its key.
_LINE: Final = struct.Struct("<II")


@dataclass(frozen=True)
class Finished:
    """A sample whose payload is known.

    Attributes:
        key: key of the sample in UTF-8.
        source_size: bytes of the file.
        modified: time of the file in nanoseconds; 0 in a shard.
        source_hash: hash of the file; zeros if it cannot be read.
        label: class index.
        shard: index of the shard.
        kind: `IMAGE` or `UNUSABLE`.
    """

    key: bytes
    source_size: int
    modified: int
    source_hash: bytes
    label: int
    shard: int
    kind: int


class Partial:
    """A cache that is being built."""

    def __init__(self, data: BinaryIO, journal: BinaryIO) -> None:
        """Start with open, locked files; see `open_partial`."""
        self._data, self._journal = data, journal
        self._keys, self._rows = bytearray(), bytearray()
        # Quantization tables in the order of their first use.
        self._tables: list[bytes] = []
        self._table_indices: dict[bytes, int] = {}
        # For each sample, the number of tables and the end of the line after it.
        self._tables_after, self._line_ends = array("Q"), array("Q")
        self._end = HEADER_BYTES
        self._first_line = self._line_end = 0

    def __len__(self) -> int:
        """Number of finished samples."""
        return len(self._tables_after)

    def resume(self, fingerprint: bytes) -> None:
        """Find the samples that an earlier build finished.

        Args:
            fingerprint: of all that the build depends on apart from the images. Nothing of a build
                with another one is used.
        """
        self._journal.seek(0)
        lines = _lines(self._journal)
        if next(lines, None) == fingerprint:
            self._first_line = self._journal.tell()
            for body in lines:
                if not self._take(body):
                    break
        else:
            self._journal.seek(0)
            self._journal.truncate()
            _write_line(self._journal, fingerprint)
            self._first_line = self._journal.tell()
        self.keep(len(self))

    def keep(self, count: int) -> None:
        """Forget all samples but the first ones."""
        del self._tables[self._tables_after[count - 1] if count else 0 :]
        self._table_indices = {table: index for index, table in enumerate(self._tables)}
        del self._rows[count * ROW.size :]
        del self._keys[self._row(count - 1)[5] if count else 0 :]
        del self._tables_after[count:], self._line_ends[count:]
        self._end = sum(self._row(count - 1)[:2]) if count else HEADER_BYTES
        self._line_end = self._line_ends[-1] if count else self._first_line
        for file, end in ((self._journal, self._line_end), (self._data, self._end)):
            file.seek(end)
            file.truncate()

    def finished(self, index: int) -> Finished:
        """Return a finished sample."""
        _, _, size, modified, label, end, shard, kind, _, source_hash = self._row(index)
        start = self._row(index - 1)[5] if index else 0
        return Finished(
            bytes(self._keys[start:end]), size, modified, source_hash, label, shard, kind
        )

    def payload(self, index: int) -> bytes:
        """Return the payload of a finished sample."""
        offset, size = self._row(index)[:2]
        self._data.flush()
        return os.pread(self._data.fileno(), size, offset)

    def table(self, table: bytes) -> int:
        """Return the index of a quantization table of the next sample."""
        index = self._table_indices.setdefault(table, len(self._tables))
        if index == len(self._tables):
            self._tables.append(table)
        return index

    def add(self, sample: Finished, payload: bytes) -> None:
        """Add a sample."""
        self._keys += sample.key
        row = ROW.pack(
            self._end,
            len(payload),
            sample.source_size,
            sample.modified,
            sample.label,
            len(self._keys),
            sample.shard,
            sample.kind,
            hash_of(payload),
            sample.source_hash,
        )
        self._data.write(payload)
        before = self._tables_after[-1] if len(self) else 0
        new = b"".join(self._tables[before:])
        line = _LINE.pack(len(sample.key), len(new)) + row + sample.key + new
        self._line_end += _write_line(self._journal, line)
        self._rows += row
        self._end += len(payload)
        self._tables_after.append(len(self._tables))
        self._line_ends.append(self._line_end)

    def flush(self) -> None:
        """Hand all samples over to the system, so that killing this process does not lose them."""
        self._data.flush()
        self._journal.flush()

    def finish(self, meta: Meta) -> None:
        """Write the index and the header to the disk."""
        tables, described = b"".join(self._tables), meta.to_bytes()
        parts = (tables, bytes(self._rows), bytes(self._keys), described)
        starts = [self._end]
        for part in parts:
            starts.append(starts[-1] + len(part))
        index = b"".join(parts)
        header = Header(
            MAGIC,
            VERSION,
            0,
            starts[-1],
            len(self),
            starts[0],
            len(self._tables),
            starts[1],
            starts[2],
            len(self._keys),
            starts[3],
            len(described),
            hash_of(index),
        )
        self._data.write(index)
        self._data.flush()
        # The header comes last: without it, the file is no cache.
        os.fsync(self._data.fileno())
        os.pwrite(self._data.fileno(), header.to_bytes(), 0)
        os.fsync(self._data.fileno())

    def _row(self, index: int) -> tuple[int, int, int, int, int, int, int, int, bytes, bytes]:
        return ROW.unpack_from(self._rows, index * ROW.size)

    def _take(self, body: bytes) -> bool:
        """Take a line of an earlier build; returns whether its payload is whole."""
        if len(body) < _LINE.size + ROW.size:
            return False
        key_bytes, new_bytes = _LINE.unpack_from(body)
        row = body[_LINE.size : _LINE.size + ROW.size]
        key = body[_LINE.size + ROW.size :][:key_bytes]
        offset, size, *_, digest, _ = ROW.unpack(row)
        written = os.fstat(self._data.fileno()).st_size
        if offset != self._end or size > written - offset:
            return False
        if hash_of(os.pread(self._data.fileno(), size, offset)) != digest:
            return False
        new = body[len(body) - new_bytes :]
        for start in range(0, new_bytes, TABLE):
            self.table(new[start : start + TABLE])
        self._keys += key
        self._rows += row
        self._end += size
        self._tables_after.append(len(self._tables))
        self._line_ends.append(self._journal.tell())
        return True


@contextmanager
def open_partial(output: Path) -> Iterator[Partial]:
    """Open the file that a cache is built in, and keep other builds away from it.

    Args:
        output: path of the cache.

    Raises:
        AccessError: if another process builds this cache, or a file cannot be written.
    """
    try:
        data = _locked(output, partial_paths(output)[0])
        with data, _without_remains(output), _opened(partial_paths(output)[1]) as journal:
            yield Partial(data, journal)
    except OSError as error:
        raise AccessError(
            Message(
                "cache-write-failed",
                f"{output}: cannot write: {error.strerror}; free some space, or give another path;"
                " the next build continues",
            )
        ) from error


@contextmanager
def _without_remains(output: Path) -> Iterator[None]:
    """Delete the files of a build that fails before anything is worth continuing."""
    try:
        yield
    except BaseException:
        data, journal = partial_paths(output)
        # A finished cache has its own name by now.
        if data.is_file() and data.stat().st_size <= HEADER_BYTES:
            data.unlink()
            if journal.is_file() and not journal.is_symlink():
                journal.unlink()
        raise


def replace_output(output: Path) -> None:
    """Give a finished cache its name. Call this within `open_partial`."""
    data, journal = partial_paths(output)
    os.replace(data, output)
    journal.unlink()
    handle = os.open(output.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def partial_paths(output: Path) -> tuple[Path, Path]:
    """Return the paths of the unfinished cache and of its journal."""
    data = output.with_name(f"{output.name}.partial")
    return data, data.with_name(f"{data.name}.journal")


def _opened(path: Path) -> BinaryIO:
    """Open or create a plain file. Following a link would overwrite another file."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, f"{path.name} is not a plain file")
    return os.fdopen(handle, "r+b")


def _locked(output: Path, path: Path) -> BinaryIO:
    while True:
        file = _opened(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another build may have finished between the two calls, and renamed the file.
            if path.exists() and os.path.samestat(os.stat(path), os.fstat(file.fileno())):
                return file
            file.close()
        except OSError as error:
            file.close()
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise AccessError(
                Message(
                    "cache-being-built",
                    f"{output}: another process builds this cache; wait for it, or give another"
                    " path",
                )
            ) from error


def _write_line(journal: BinaryIO, body: bytes) -> int:
    """Write a line and return its size in bytes."""
    return journal.write(len(body).to_bytes(4, "little") + body + hash_of(body))


def _lines(journal: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a journal up to the first one that is not whole."""
    while len(length := journal.read(4)) == 4:
        body = journal.read(int.from_bytes(length, "little"))
        if journal.read(HASH) != hash_of(body):
            return
        yield body
