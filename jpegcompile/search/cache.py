"""Measurements that survive an interrupted search: one JSON line each, appended at once.

Several searches may share a folder, and a file in it.
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

# Part of every key: raise it where a measurement would come out differently.
_VERSION = 1


def default_folder() -> Path:
    """Where measurements are kept unless the caller names a folder."""
    return cache_folder("frequencies")


def key_of(parts: Iterable[str], files: Iterable[Path]) -> str:
    """Hash of strings and of the contents of files.

    Raises:
        AccessError: if a file cannot be read.
    """
    digest = hashlib.sha256(json.dumps([_VERSION, *parts]).encode())
    for path in files:
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise AccessError(f"{path}: cannot read: {error.strerror}; check the path") from error
    return digest.hexdigest()


class Cache:
    """Measurements by name, in memory and in a file."""

    def __init__(self, folder: Path, key: str) -> None:
        """Read what an earlier search of the same key has measured.

        Raises:
            AccessError: if the folder cannot be made or the file cannot be read.
        """
        self._path = folder / f"{key}.jsonl"
        self._values: dict[str, Any] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            data = self._path.read_bytes() if self._path.exists() else b""
        except OSError as error:
            raise self._refusal(error) from error
        for line in data.splitlines():
            # A search that was killed while writing leaves half a line, and a full disk, too. What
            # it would have said is measured again.
            try:
                entry = json.loads(line.decode("utf-8"))
            except ValueError:
                continue
            if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str):
                self._values[entry[0]] = entry[1]

    def get(self, name: str) -> Any | None:
        """A measurement, or None if there is none."""
        return self._values.get(name)

    def put(self, name: str, value: Any) -> None:
        """Record a measurement.

        Raises:
            AccessError: if the file cannot be written.
        """
        self._values[name] = value
        # A line of its own even behind half a one, and written by one call: the system appends that
        # as a whole, so that lines of searches that run at once do not mix.
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
        # What mkdir says of a file in the place of the folder.
        reason = "it is no folder" if isinstance(error, FileExistsError) else error.strerror
        return AccessError(
            f"{self._path.parent}: cannot keep measurements: {reason};"
            " name a folder that can be written with --cache"
        )
