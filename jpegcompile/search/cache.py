"""Cache of measurements for interrupted and repeated searches.

Each measurement is one JSON line, which is appended immediately. Several searches can share a
folder and a file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jpegcompile.errors import AccessError
from jpegcompile.files import cache_folder
from jpegcompile.messages import Message

# Part of every key. Increase it when a change of the code changes measurements.
_VERSION = 1


def default_folder() -> Path:
    """Return the folder for measurements if the caller does not give one."""
    return cache_folder("frequencies")


def key_of(parts: Iterable[str], files: Iterable[Path]) -> str:
    """Return a hash of strings and file contents.

    Raises:
        AccessError: if a file cannot be read.
    """
    digest = hashlib.sha256(json.dumps([_VERSION, *parts]).encode())
    for path in files:
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise AccessError(
                Message(
                    "search-image-unreadable",
                    f"{path}: cannot read: {error.strerror}; check the path",
                )
            ) from error
    return digest.hexdigest()


class Cache:
    """Measurements by name, in memory and in a file."""

    def __init__(self, folder: Path, key: str) -> None:
        """Read the measurements of earlier searches with the same key.

        Args:
            folder: folder of the file; created if it is missing.
            key: see `key_of`.

        Raises:
            AccessError: if the folder cannot be created or the file cannot be read.
        """
        self._path = folder / f"{key}.jsonl"
        self._values: dict[str, Any] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            data = self._path.read_bytes() if self._path.exists() else b""
        except OSError as error:
            raise self._refusal(error) from error
        for line in data.splitlines():
            # A killed search or a full disk leaves an incomplete line. It is measured again.
            try:
                entry = json.loads(line.decode("utf-8"))
            except ValueError:
                continue
            if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str):
                self._values[entry[0]] = entry[1]

    def get(self, name: str) -> Any | None:
        """Return a measurement; None if there is none."""
        return self._values.get(name)

    def put(self, name: str, value: Any) -> None:
        """Record a measurement.

        Raises:
            AccessError: if the file cannot be written.
        """
        self._values[name] = value
        # The leading newline ends an incomplete line. The system appends the bytes of one call
        # atomically, so that lines of concurrent searches do not mix.
        line = f"\n{json.dumps([name, value])}\n".encode()
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                written = os.write(handle, line)
            finally:
                os.close(handle)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> AccessError:
        # mkdir raises FileExistsError if the path is a file.
        reason = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
        return AccessError(
            Message(
                "search-cache-unwritable",
                f"{self._path.parent}: cannot keep measurements: {reason};"
                " give a writable folder with --cache",
            )
        )
