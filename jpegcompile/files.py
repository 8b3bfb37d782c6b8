"""Reading JSON, and writing files whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from jpegcompile.errors import AccessError, UsageError


def read_json(path: str | os.PathLike[str], content: str) -> Any:
    """Data of a JSON file.

    Args:
        path: of the file.
        content: what it holds, for errors.

    Raises:
        AccessError: if it cannot be read.
        UsageError: if it is not JSON.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AccessError(
            f"{path}: cannot read {content}: {error.strerror}; check the path"
        ) from error
    return parse_json(data, str(path))


def parse_json(data: str | bytes, where: str) -> Any:
    """Data of a JSON text, in UTF-8 if it is bytes.

    Raises:
        UsageError: if it is not JSON, or an object has a name twice; the error names `where`.
    """

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"{where}: has '{twice}' twice; leave one out")
        return found

    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        return json.loads(text, object_pairs_hook=object_of)
    except ValueError as error:
        raise UsageError(f"{where}: not valid JSON: {error}; fix the file") from error


def is_same_file(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file, which need not be there yet."""
    if first.exists() and second.exists():
        return first.samefile(second)
    return os.path.realpath(first) == os.path.realpath(second)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Refuse, before any long work, a file that could not be written; makes nothing.

    Raises:
        AccessError: if the folder is missing or not writable, or the path is something else than a
            file.
    """
    target = Path(os.path.realpath(path))
    _require_plain(path, target)
    if not target.parent.is_dir():
        reason = os.strerror(errno.ENOTDIR if target.parent.exists() else errno.ENOENT)
    elif not os.access(target.parent, os.W_OK | os.X_OK):
        reason = os.strerror(errno.EACCES)
    else:
        return
    raise AccessError(f"{path}: cannot write: {reason}; nothing was kept")


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that it appears whole or not at all.

    A link stays a link; the file that it points to is replaced.

    Raises:
        AccessError: if the folder is missing, not writable or full, or the path is something else
            than a file.
    """
    target = Path(os.path.realpath(path))
    temporary: str | None = None
    try:
        _require_plain(path, target)
        handle, temporary = tempfile.mkstemp(prefix=".jpegcompile-", dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        # mkstemp makes a private file; give it the rights that an ordinary open would.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise AccessError(f"{path}: cannot write: {error.strerror}; nothing was kept") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _require_plain(path: str | os.PathLike[str], target: Path) -> None:
    if target.exists() and not target.is_file():
        raise AccessError(f"{path}: is not a plain file; give another name")
