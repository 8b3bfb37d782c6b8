"""Writing files: whole, or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from jpegcompile.errors import AccessError


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
