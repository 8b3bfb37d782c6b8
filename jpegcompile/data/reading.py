"""Read the files of a batch. Unusable files leave no gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from jpegcompile.data.filling import Error, ReadOptions
from jpegcompile.errors import AccessError, ImageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.pack_images import pack_images
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.read import ImageSource, read_coefficients_many

Image = TypeVar("Image", bound=Coefficients | PackedImage)
Read: TypeAlias = Callable[[Sequence[ImageSource], ReadOptions], Sequence[Image | Error]]


def coefficients_of_each(
    sources: Sequence[ImageSource], reading: ReadOptions
) -> list[Coefficients | Error]:
    """Read files.

    Args:
        sources: paths and bytes.
        reading: how files are read.

    Returns:
        The coefficients of each file, or its error. Messages name each source as if it were the
        only one.
    """
    try:
        return [
            *read_coefficients_many(sources, threads=reading.threads, max_pixels=reading.max_pixels)
        ]
    except (ImageError, AccessError):
        return [_one(source, reading) for source in sources]


def _one(source: ImageSource, reading: ReadOptions) -> Coefficients | Error:
    try:
        [image] = read_coefficients_many(
            [source], threads=1, tolerant=reading.tolerant, max_pixels=reading.max_pixels
        )
    except (ImageError, AccessError) as error:
        return error
    return image


def packed_of_each(
    sources: Sequence[ImageSource], reading: ReadOptions
) -> list[PackedImage | Error]:
    """Read files without unpacking them; otherwise as `coefficients_of_each`."""
    return pack_images(
        sources,
        threads=reading.threads,
        tolerant=reading.tolerant,
        max_pixels=reading.max_pixels,
    )
