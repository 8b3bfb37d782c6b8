"""Read JSON, and write files completely or not at all."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from jpegcompile.errors import AccessError, UsageError, one_line
from jpegcompile.messages import Message


def read_json(path: str | os.PathLike[str], content: str) -> Any:
    """Read a JSON file.

    Args:
        path: path of the file.
        content: content of the file, for messages, such as "preprocessing".

    Raises:
        AccessError: if the file cannot be read.
        UsageError: if the file is not valid JSON.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        # A path with a null character raises ValueError.
        reason = getattr(error, "strerror", None) or one_line(error)
        raise AccessError(
            Message(
                "json-unreadable",
                f"{path}: cannot read {content}: {reason}; check the path",
            )
        ) from error
    return parse_json(data, str(path))


def parse_json(data: str | bytes, where: str) -> Any:
    """Parse JSON.

    Args:
        data: text, or text in UTF-8 as bytes.
        where: source of the data in messages.

    Raises:
        UsageError: if the text is not valid JSON, or an object has a name twice.
    """

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(
                Message("json-name-twice", f"{where}: has '{twice}' twice; remove one")
            )
        return found

    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        return json.loads(text, object_pairs_hook=object_of)
    except (ValueError, RecursionError) as error:
        # Lists within lists within lists exceed Python's recursion limit.
        raise UsageError(
            Message("json-invalid", f"{where}: not valid JSON: {error}; correct it")
        ) from error


def cache_folder(kind: str) -> Path:
    """Return the folder for cached data of a kind (XDG base directory specification)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "jpegcompile" / kind


def is_same_file(first: Path, second: Path) -> bool:
    """Whether two paths name the same file. The file does not have to exist."""
    if first.exists() and second.exists():
        return first.samefile(second)
    return os.path.realpath(first) == os.path.realpath(second)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Raise an error if a file cannot be written. Call this before long work.

    Does not create the file.

    Args:
        path: path of the file.

    Raises:
        AccessError: if the folder is missing or not writable, or the path is not a plain file.
    """
    target = Path(os.path.realpath(path))
    _require_plain(path, target)
    if not target.parent.is_dir():
        reason = os.strerror(errno.ENOTDIR if target.parent.exists() else errno.ENOENT)
    elif not os.access(target.parent, os.W_OK | os.X_OK):
        reason = os.strerror(errno.EACCES)
    else:
        return
    advice = "give another path" if target.parent.exists() else "create the folder first"
    raise AccessError(Message("output-not-writable", f"{path}: cannot write: {reason}; {advice}"))


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file completely or not at all, even if the process or machine stops.

    If the path is a link, the linked file is replaced.

    Args:
        path: path of the file.
        content: content of the file.

    Raises:
        AccessError: if the folder is missing, not writable or full, or the path is not a plain
            file.
    """
    write_together([(path, writing(content))])


def write_together(
    files: Sequence[tuple[str | os.PathLike[str], Callable[[BinaryIO], object]]],
) -> None:
    """Write several files, either all of them or none. On failure, existing files remain.

    Every file is first written to the disk under a temporary name. Then each file replaces its
    target atomically, so an existing path always has a file. File systems cannot replace two files
    at once: if the process or machine stops between two replacements, the first files are new and
    the others are old. Hidden files `.jpegcompile-*` then remain: old content with the suffix
    `.old`, new content without it.

    Args:
        files: paths, and functions that write the content to a stream. Files are written and
            replaced in this order.

    Raises:
        AccessError: as `write_whole`; the message names the first file that cannot be written.
    """
    replaced: list[_Replacement] = []
    try:
        for path, write in files:
            with _naming(path):
                replaced.append(_Replacement(path))
                replaced[-1].write(write)
        for replacement in replaced[:-1]:
            with _naming(replacement.path):
                replacement.put(keep_old=True)
                replacement.sync_name()
        # After the last replacement there is nothing to undo.
        for replacement in replaced[-1:]:
            with _naming(replacement.path):
                replacement.put(keep_old=False)
    except BaseException:
        for replacement in reversed(replaced):
            replacement.undo()
        raise
    for replacement in replaced:
        replacement.forget_old()
    for replacement in replaced[-1:]:
        replacement.sync_name()


def write_folder(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write the files of a folder as `write_together` does. Create the folder if it is missing.

    Args:
        path: path of the folder.
        files: contents by file name.

    Raises:
        AccessError: if the folder cannot be created, or a file cannot be written.
    """
    folder = Path(path)
    is_new = not folder.exists()
    with _naming(path):
        folder.mkdir(exist_ok=True)
    try:
        write_together([(folder / name, writing(content)) for name, content in files.items()])
    except BaseException:
        if is_new:
            folder.rmdir()
        raise


def writing(content: bytes | memoryview) -> Callable[[BinaryIO], object]:
    """Return a function that writes a content, for `write_together`."""
    return lambda stream: stream.write(content)


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AccessError(
            Message(
                "output-write-failed",
                f"{path}: cannot write: {error.strerror}; no file was changed: free some space, or"
                " give another path",
            )
        ) from error


class _Replacement:
    """A file that is written under a temporary name and then replaces its target.

    The replacement can be undone.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._target = Path(os.path.realpath(path))
        self._temporary: Path | None = None
        self._old: Path | None = None
        self._was_there = True

    def write(self, write: Callable[[BinaryIO], object]) -> None:
        """Write the content to the target's folder, and flush it to the disk."""
        _require_plain(self.path, self._target)
        temporary = self._target.with_name(f".jpegcompile-{secrets.token_hex(8)}")
        # The usual mode of new files; the system applies the umask of the process.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        self._temporary = temporary
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(handle)

    def put(self, *, keep_old: bool) -> None:
        """Replace the target atomically.

        Args:
            keep_old: whether to keep the old file, so that `undo` can restore it.
        """
        assert self._temporary is not None
        self._was_there = self._target.exists()
        if keep_old and self._was_there:
            self._old = self._temporary.with_name(self._temporary.name + ".old")
            _duplicate(self._target, self._old)
        os.replace(self._temporary, self._target)
        self._temporary = None

    def sync_name(self) -> None:
        """Flush the target's folder entry to the disk, if the system supports it."""
        folder = self._target.parent
        try:
            handle = os.open(folder, os.O_RDONLY)
        except PermissionError:
            return  # the folder is writable but not readable, or the system is Windows
        try:
            os.fsync(handle)
        except OSError as error:
            # Some file systems do not support this request.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise AccessError(
                    Message(
                        "output-folder-not-flushed",
                        f"{self.path}: is written, but {folder} cannot be flushed to the disk:"
                        f" {error.strerror}; check the disk",
                    )
                ) from error
        finally:
            os.close(handle)

    def undo(self) -> None:
        """Restore the old file and remove temporary files."""
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
        elif self._old is not None:
            os.replace(self._old, self._target)
        elif not self._was_there:
            self._target.unlink(missing_ok=True)
        self.forget_old()

    def forget_old(self) -> None:
        """Remove the copy of the old file."""
        if self._old is not None:
            self._old.unlink(missing_ok=True)


# Without this flag Windows would change line ends.
_BINARY: int = getattr(os, "O_BINARY", 0)


def _duplicate(file: Path, name: Path) -> None:
    """Create a hard link to a file, or a copy if the file system has no hard links."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)


def _require_plain(path: str | os.PathLike[str], target: Path) -> None:
    if target.exists() and not target.is_file():
        raise AccessError(
            Message("output-not-a-file", f"{path}: is not a plain file; give another path")
        )
