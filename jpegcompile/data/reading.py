"""Read the coefficients of the files of a batch. Unusable files leave no gaps."""

from __future__ import annotations

from collections.abc import Sequence

from jpegcompile.data.filling import Errors, ReadOptions
from jpegcompile.errors import AccessError, ImageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import ImageSource, read_coefficients_many


def read_each(
    sources: Sequence[ImageSource], reading: ReadOptions
) -> tuple[list[Coefficients | None], Errors]:
    """Read files.

    Args:
        sources: paths and bytes.
        reading: how files are read.

    Returns:
        The coefficients of each file, None for files that cannot be read; and the errors of these
        by their index. Messages name each source as if it were the only one.
    """
    try:
        images = read_coefficients_many(
            sources, threads=reading.threads, max_pixels=reading.max_pixels
        )
    except (ImageError, AccessError):
        return _one_by_one(sources, reading)
    return list(images), {}


def _one_by_one(
    sources: Sequence[ImageSource], reading: ReadOptions
) -> tuple[list[Coefficients | None], Errors]:
    images: list[Coefficients | None] = []
    errors: Errors = {}
    for place, source in enumerate(sources):
        try:
            images += read_coefficients_many(
                [source], threads=1, tolerant=reading.tolerant, max_pixels=reading.max_pixels
            )
        except (ImageError, AccessError) as error:
            images.append(None)
            errors[place] = error
    return images, errors
