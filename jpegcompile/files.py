"""Reading JSON, and writing files whole or not at all."""

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


def cache_folder(kind: str) -> Path:
    """Where the desktop keeps what can be made again (XDG base directory specification)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "jpegcompile" / kind


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
    advice = "give another path" if target.parent.exists() else "make the folder first"
    raise AccessError(f"{path}: cannot write: {reason}; {advice}")


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that it appears whole or not at all, whatever stops the process or machine.

    A link stays a link; the file that it points to is replaced.

    Raises:
        AccessError: if the folder is missing, not writable or full, or the path is something else
            than a file.
    """
    write_together([(path, writing(content))])


def write_together(
    files: Sequence[tuple[str | os.PathLike[str], Callable[[BinaryIO], object]]],
) -> None:
    """Write files so that either all appear whole, or none and what stood there stays.

    Every file is on the disk, under another name, before the first one is put in place; each takes
    its place at once, so that no path is ever without a file that was there. No file system puts
    two in place at once. A process that is killed, or a machine that fails, between the first and
    the last leaves the first ones new and the others as they were, and beside them hidden files
    `.jpegcompile-*`: with `.old` what stood there, without it what was to come.

    Args:
        files: paths, and what writes the content; called, and the files replaced, in this order.

    Raises:
        AccessError: as `write_whole`, naming the first file that cannot be written.
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
        # Once the last one is in place there is nothing to go back to.
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
    """Write the files of a folder, which is made if it is missing, as `write_together` does.

    Raises:
        AccessError: if the folder cannot be made, or a file not be written.
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


def writing(content: bytes) -> Callable[[BinaryIO], object]:
    """What writes a content, for `write_together`."""
    return lambda stream: stream.write(content)


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AccessError(f"{path}: cannot write: {error.strerror}; nothing was kept") from error


class _Replacement:
    """A file that is written under another name, put in place, and can be taken back."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._target = Path(os.path.realpath(path))
        self._temporary: Path | None = None
        self._old: Path | None = None
        self._was_there = True

    def write(self, write: Callable[[BinaryIO], object]) -> None:
        """Write the content beside the target, down to the disk."""
        _require_plain(self.path, self._target)
        temporary = self._target.with_name(f".jpegcompile-{secrets.token_hex(8)}")
        # The rights that any new file gets: the system takes away those of the process's umask.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        self._temporary = temporary
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(handle)

    def put(self, *, keep_old: bool) -> None:
        """Replace the target at once; `keep_old` lets `undo` bring back what stood there."""
        assert self._temporary is not None
        self._was_there = self._target.exists()
        if keep_old and self._was_there:
            self._old = self._temporary.with_name(self._temporary.name + ".old")
            _duplicate(self._target, self._old)
        os.replace(self._temporary, self._target)
        self._temporary = None

    def sync_name(self) -> None:
        """Have the name of the target on the disk, where the system can be asked for that."""
        folder = self._target.parent
        try:
            handle = os.open(folder, os.O_RDONLY)
        except PermissionError:
            return  # it may be written but not read; Windows opens no folder at all
        try:
            os.fsync(handle)
        except OSError as error:
            # File systems that know no such request keep names in order by themselves, or never.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise AccessError(
                    f"{self.path}: is written, but {folder} cannot be brought to the disk:"
                    f" {error.strerror}; check the disk"
                ) from error
        finally:
            os.close(handle)

    def undo(self) -> None:
        """Bring back what stood there, and leave nothing else."""
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
        elif self._old is not None:
            os.replace(self._old, self._target)
        elif not self._was_there:
            self._target.unlink(missing_ok=True)
        self.forget_old()

    def forget_old(self) -> None:
        """Remove what stood there."""
        if self._old is not None:
            self._old.unlink(missing_ok=True)


# Windows would turn ends of lines.
_BINARY: int = getattr(os, "O_BINARY", 0)


def _duplicate(file: Path, name: Path) -> None:
    """Give a file a second name; a copy of it where the file system knows no hard links."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)


def _require_plain(path: str | os.PathLike[str], target: Path) -> None:
    if target.exists() and not target.is_file():
        raise AccessError(f"{path}: is not a plain file; give another name")
