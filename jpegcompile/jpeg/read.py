"""Reading JPEG files into `Coefficients`: the entropy decoding of ITU-T T.81, and nothing after it.

The integers are exactly those that the file stores. Baseline, extended and progressive frames with
8-bit samples and one or three components are read; everything else is refused with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from jpegcompile import _core
from jpegcompile.errors import AccessError, ImageError, UsageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.processors import available_processors

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview
"""The path of a JPEG file, or the bytes of one."""

DEFAULT_MAX_PIXELS = 2**28


def read_coefficients(
    source: ImageSource, *, tolerant: bool = False, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Coefficients:
    """Read the quantised DCT coefficients of one JPEG file.

    Args:
        source: the path of a file, or its bytes.
        tolerant: keep what can be read of damaged data, with zeros for the rest, instead of
            refusing it at the first defect. Some damage is beyond that and is refused anyway.
        max_pixels: refuse images of more pixels (width times height) before any memory is taken.

    Raises:
        ImageError: the data is damaged, is no JPEG, is of a kind that is not taken, or is too big.
        AccessError: the file cannot be read.
        UsageError: an argument is of the wrong kind.
    """
    return read_coefficients_many([source], threads=1, tolerant=tolerant, max_pixels=max_pixels)[0]


def read_coefficients_many(
    sources: Sequence[ImageSource],
    *,
    threads: int | None = None,
    tolerant: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> list[Coefficients]:
    """Read several JPEG files, in parallel and without the interpreter lock.

    Args:
        sources: paths and bytes, in any mixture.
        threads: how many threads share the work; by default one for each available processor.
        tolerant: as for `read_coefficients`.
        max_pixels: as for `read_coefficients`, for each image.

    Returns:
        One `Coefficients` for each source, in the order of the sources.

    Raises:
        ImageError, AccessError, UsageError: as `read_coefficients`; of several failing sources
            the first one is named.
    """
    if isinstance(sources, str | bytes | bytearray | memoryview | os.PathLike):
        raise UsageError("read_coefficients_many takes a sequence of images; wrap one in a list")
    if threads is None:
        threads = available_processors()
    if threads < 1:
        raise UsageError(f"threads is {threads}; give 1 or more")
    if max_pixels < 1:
        raise UsageError(f"max_pixels is {max_pixels}; give 1 or more")
    native_sources = [native_source(source) for source in sources]
    images = _core.read_coefficients_many(
        native_sources, threads, tolerant, min(max_pixels, 2**64 - 1)
    )
    if isinstance(images, tuple):
        index, kind, cause = images
        name, has_advice = source_name(sources, index), ";" in cause
        if kind == "access":
            raise AccessError(f"{name}: {cause if has_advice else unreadable(cause)}")
        raise ImageError(f"{name}: {cause if has_advice else f'{cause}; give a whole JPEG file'}")
    return [
        Coefficients(
            planes, tables, Frame(height, width, sampling, color_space, orientation), progressive
        )
        for (
            planes,
            tables,
            sampling,
            width,
            height,
            color_space,
            progressive,
            orientation,
        ) in images
    ]


def unreadable(cause: str | None) -> str:
    """What is said of a file that the system does not let read."""
    return f"cannot read: {cause}; check the path"


def native_source(source: ImageSource) -> str | bytes | bytearray | memoryview:
    """A path as str, or contiguous bytes."""
    if isinstance(source, memoryview):
        return source if source.c_contiguous else source.tobytes()
    if isinstance(source, str | bytes | bytearray):
        return source
    path = os.fspath(source) if isinstance(source, os.PathLike) else None
    if not isinstance(path, str):
        raise UsageError(f"an image is a path or bytes, not {type(source).__name__}")
    return path


def image_bytes(source: ImageSource) -> bytes | bytearray | memoryview:
    """The bytes of an image that is a path or bytes.

    Raises:
        AccessError: if the file cannot be read.
        UsageError: the argument is of the wrong kind.
    """
    given = native_source(source)
    if not isinstance(given, str):
        return given
    try:
        return Path(given).read_bytes()
    except OSError as error:
        raise AccessError(f"{source_name([source], 0)}: {unreadable(error.strerror)}") from error


def source_name(sources: Sequence[ImageSource], index: int, first: int = 0) -> str:
    """How a message calls one of the sources, always on one line.

    Args:
        sources: some of those that the user gave.
        index: of the source among them.
        first: place of the first of them among all that the user gave.
    """
    source = sources[index]
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        return path if path.isprintable() else repr(path)
    return "bytes" if len(sources) == 1 and not first else f"bytes (image {first + index})"
