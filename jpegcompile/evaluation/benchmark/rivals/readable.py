"""Select the rivals that can read all files. Each rival reads all files once before timing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jpegcompile.errors import ImageError, JpegCompileError, one_line
from jpegcompile.evaluation.benchmark.rivals.file_reader import FileReader
from jpegcompile.evaluation.benchmark.rivals.registry import Chosen
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.read import image_bytes, source_name
from jpegcompile.messages import Message


class _UnreadError(Exception):
    """A rival cannot read a file.

    Attributes:
        file: name of the file in messages.
    """

    def __init__(self, file: str, cause: str) -> None:
        super().__init__(cause)
        self.file = file


def readable(
    chosen: Chosen,
    target: Target,
    files: Sequence[str],
    *,
    is_named: bool,
    fallback: Fallback = "none",
    tolerant: bool = False,
) -> Chosen:
    """Return the rivals that can read all files, themselves or through Pillow.

    Args:
        chosen: rivals so far.
        target: network input to compute from a file.
        files: paths, possibly repeated.
        is_named: whether the user chose the rivals.
        fallback: as for `FileReader`.
        tolerant: as for `FileReader`.

    Raises:
        ImageError: if a rival that the user chose cannot read a file, or no rival is left. The
            message names the file.
    """
    kept: dict[str, str] = {}
    by_pillow: dict[str, int] = {}
    left_out = dict(chosen.left_out)
    for name, resize in chosen.rivals.items():
        read = FileReader(name, target, fallback=fallback, tolerant=tolerant)
        try:
            count = _read_by_pillow(read, files)
        except _UnreadError as error:
            if is_named or (not kept and name == list(chosen.rivals)[-1]):
                text = (
                    f"{error.file}: {name} cannot read the file: {error}; name other rivals with"
                    " --rivals, or remove the file"
                )
                raise ImageError(Message("rival-cannot-read-file", text)) from error
            text = f"cannot read {error.file}: {error}"
            left_out[name] = Message("rival-left-out", text)
            continue
        kept[name] = resize
        if count:
            by_pillow[name] = count
    return replace(chosen, rivals=kept, left_out=left_out, read_by_pillow=by_pillow)


def _read_by_pillow(reader: FileReader, files: Sequence[str]) -> int:
    """Return the number of files that Pillow reads for a rival.

    Raises:
        _UnreadError: if neither the rival nor Pillow can read a file.
    """
    count = 0
    for file in dict.fromkeys(files):
        content = bytes(image_bytes(file))
        try:
            _, is_by_pillow = reader.read(content)
        except JpegCompileError:
            raise
        # Decoders may raise any exception.
        except Exception as error:
            raise _UnreadError(source_name([file], 0), one_line(error)) from error
        count += is_by_pillow
    return count
