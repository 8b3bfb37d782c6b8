"""Which rivals read the files that are to be timed: each one reads them once before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jpegcompile.errors import ImageError, JpegCompileError, one_line
from jpegcompile.evaluation.benchmark.rivals.file_reader import FileReader
from jpegcompile.evaluation.benchmark.rivals.registry import Chosen
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.read import image_bytes, source_name


class _UnreadError(Exception):
    """A rival does not read a file.

    Attributes:
        file: as messages name it.
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
    """The rivals that read all files, by themselves or through Pillow; others are left out.

    Args:
        chosen: those that take part so far.
        target: what they make of a file.
        files: paths; some may come several times.
        is_named: whether the user chose the rivals.
        fallback: as for `FileReader`.
        tolerant: as for `FileReader`.

    Raises:
        ImageError: naming the file, if the user chose a rival that does not read it, or none of the
            rivals is left.
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
                raise ImageError(
                    f"{error.file}: {name} cannot read it: {error}; name other rivals with"
                    " --rivals, or take the file out"
                ) from error
            left_out[name] = f"cannot read {error.file}: {error}"
            continue
        kept[name] = resize
        if count:
            by_pillow[name] = count
    return replace(chosen, rivals=kept, left_out=left_out, read_by_pillow=by_pillow)


def _read_by_pillow(reader: FileReader, files: Sequence[str]) -> int:
    """How many of the files Pillow reads for a rival.

    Raises:
        _UnreadError: of the first that neither reads.
    """
    count = 0
    for file in dict.fromkeys(files):
        content = bytes(image_bytes(file))
        try:
            _, is_by_pillow = reader.read(content)
        except JpegCompileError:
            raise
        # Decoders raise whatever their code comes to.
        except Exception as error:
            raise _UnreadError(source_name([file], 0), one_line(error)) from error
        count += is_by_pillow
    return count
