"""Read the quantized DCT coefficients of JPEG files (entropy decoding of ITU-T T.81).

The coefficients are exactly the integers in the file. Supported are baseline, extended sequential
and progressive frames with Huffman coding, 8-bit samples, and one or three components.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from jpegcompile import _core
from jpegcompile.errors import UsageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.failures import failure_error, unreadable
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.messages import Message
from jpegcompile.processors import available_processors

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | PackedImage
"""The path of an image file, its bytes, or its packed coefficients."""

DEFAULT_MAX_PIXELS = 2**28


def read_coefficients(
    source: ImageSource, *, tolerant: bool = False, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Coefficients:
    """Read the quantized DCT coefficients of one JPEG file.

    Args:
        source: path of a file, or its bytes.
        tolerant: if True, keep the readable part of damaged data and fill the rest with zeros. If
            False, raise an error at the first defect. Severe damage is an error in both cases.
        max_pixels: largest number of pixels (width times height). Larger images are refused before
            memory is allocated.

    Returns:
        The coefficients, quantization tables and frame of the file.

    Raises:
        ImageError: if the data is damaged, is not a JPEG file, is a JPEG file of an unsupported
            kind, or has too many pixels.
        AccessError: if the file cannot be read.
        UsageError: if an argument has the wrong type or is out of range.
    """
    return read_coefficients_many([source], threads=1, tolerant=tolerant, max_pixels=max_pixels)[0]


def read_coefficients_many(
    sources: Sequence[ImageSource],
    *,
    threads: int | None = None,
    tolerant: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> list[Coefficients]:
    """Read several JPEG files in parallel, without holding the interpreter lock.

    Args:
        sources: paths and bytes, in any mixture.
        threads: number of threads. Default: one per available processor.
        tolerant: as for `read_coefficients`.
        max_pixels: as for `read_coefficients`; the limit applies to each image.

    Returns:
        One `Coefficients` per source, in the order of `sources`.

    Raises:
        ImageError, AccessError, UsageError: as `read_coefficients`. If several sources fail, the
            error names the first of them.
    """
    if isinstance(sources, str | bytes | bytearray | memoryview | os.PathLike):
        raise UsageError(
            Message(
                "sources-not-a-sequence",
                "read_coefficients_many requires a sequence of images; wrap one image in a list",
            )
        )
    if threads is None:
        threads = available_processors()
    for argument, number in (("threads", threads), ("max_pixels", max_pixels)):
        if number < 1:
            raise UsageError(
                Message("read-option-not-positive", f"{argument} is {number}; give 1 or more")
            )
    native_sources = [native_source(source) for source in sources]
    images = _core.read_coefficients_many(
        native_sources, threads, tolerant, min(max_pixels, 2**64 - 1)
    )
    if isinstance(images, tuple):
        index, kind, cause = images
        raise failure_error(kind, cause, source_name(sources, index))
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


def native_source(source: ImageSource) -> _core.NativeSource:
    """Return a path as str, contiguous bytes, or a packed image with its tables.

    Raises:
        UsageError: if `source` is neither a path nor bytes.
    """
    if isinstance(source, PackedImage):
        return source.record, source.tables
    if isinstance(source, memoryview):
        return source if source.c_contiguous else source.tobytes()
    if isinstance(source, str | bytes | bytearray):
        return source
    path = os.fspath(source) if isinstance(source, os.PathLike) else None
    if not isinstance(path, str):
        raise UsageError(
            Message(
                "image-source-type-unknown",
                f"an image is a {type(source).__name__}; give a path or bytes",
            )
        )
    return path


def image_bytes(source: ImageSource) -> bytes | bytearray | memoryview:
    """Return the bytes of an image; reads the file if `source` is a path.

    Raises:
        AccessError: if the file cannot be read.
        UsageError: if `source` is neither a path nor bytes.
    """
    given = native_source(source)
    if isinstance(given, tuple):
        raise UsageError(
            Message(
                "packed-image-without-file",
                f"{source_name([source], 0)}: a packed image has no bytes of a JPEG file; give the"
                " file",
            )
        )
    if not isinstance(given, str):
        return given
    try:
        return Path(given).read_bytes()
    except OSError as error:
        raise unreadable(source_name([source], 0), error.strerror) from error


def source_name(sources: Sequence[ImageSource], index: int, first: int = 0) -> str:
    """Return the name of a source in messages, on one line.

    Args:
        sources: some or all of the user's sources.
        index: index of the source in `sources`.
        first: index of `sources[0]` among all of the user's sources.
    """
    source = sources[index]
    if isinstance(source, str | os.PathLike | PackedImage):
        path = source.name if isinstance(source, PackedImage) else os.fspath(source)
        return path if path.isprintable() else repr(path)
    return "bytes" if len(sources) == 1 and not first else f"bytes (image {first + index})"
