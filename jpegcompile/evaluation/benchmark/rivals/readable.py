"""Which rivals read the files that are to be timed: each one reads them once before."""

from __future__ import annotations

from collections.abc import Sequence

from jpegcompile.errors import ImageError, JpegCompileError, one_line
from jpegcompile.evaluation.benchmark.rivals.registry import RIVALS, Chosen
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.jpeg.read import image_bytes, source_name


def readable(
    chosen: Chosen, target: Target, files: Sequence[str], *, is_named: bool, end: bytes = b""
) -> Chosen:
    """The rivals that read all files; others are left out.

    Args:
        chosen: those that take part so far.
        target: what they make of a file.
        files: paths; some may come several times.
        is_named: whether the user chose the rivals.
        end: what is appended to each file.

    Raises:
        ImageError: naming the file, if the user chose a rival that does not read it, or none of the
            rivals is left.
    """
    kept, left_out = {}, dict(chosen.left_out)
    for name, resize in chosen.rivals.items():
        fault = _fault(name, target, files, end)
        if fault is None:
            kept[name] = resize
            continue
        file, cause = fault
        shown = source_name([file], 0)
        if is_named or (not kept and name == list(chosen.rivals)[-1]):
            raise ImageError(
                f"{shown}: {name} cannot read it: {cause}; name other rivals with --rivals, or"
                " take the file out"
            )
        left_out[name] = f"cannot read {shown}: {cause}"
    return Chosen(kept, left_out)


def _fault(name: str, target: Target, files: Sequence[str], end: bytes) -> tuple[str, str] | None:
    """The first file that a rival does not read, and what it says."""
    read = RIVALS[name].make(target)
    for file in dict.fromkeys(files):
        content = bytes(image_bytes(file)) + end
        try:
            read(content)
        except JpegCompileError:
            raise
        # Decoders raise whatever their code comes to.
        except Exception as error:
            return file, one_line(error)
    return None
