"""Readers with Pillow: one with typical code, and one with all fast paths of Pillow."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

from jpegcompile.evaluation.benchmark.rivals.names import PILLOW
from jpegcompile.evaluation.benchmark.rivals.target import Seen, Target, Values
from jpegcompile.jpeg.pixel_image import channels_of, eight_bit, orientation_of
from jpegcompile.preprocessing.geometry import Placement


def simple_reader(target: Target) -> Callable[[bytes], Values]:
    """Return a reader with typical code: open, convert, resize, crop and normalize."""
    preprocess = target.preprocess
    scale = np.float32(preprocess.scale)
    mean, std = (np.asarray(v, np.float32) for v in (preprocess.mean, preprocess.std))

    def read(file: bytes) -> Values:
        with Image.open(BytesIO(file)) as image:
            if preprocess.geometry.orientation:
                ImageOps.exif_transpose(image, in_place=True)
            converted = eight_bit(image, target.color)
        size = converted.height, converted.width
        placement = target.place(*size)
        pixels = channels_of(_by(converted, target, placement, _size(placement)), target.color)
        return target.each_view(lambda view: normalized(view.seen(pixels, view.place(*size))))

    def normalized(seen: Seen) -> Values:
        values: Values = (np.asarray(seen, np.float32) * scale - mean) / std
        if target.taken.layout == "NHWC":
            return values
        return np.ascontiguousarray(values.transpose(2, 0, 1))

    return read


def box_reader(target: Target) -> Callable[[bytes], Values]:
    """Return a reader that decodes at a reduced scale if possible, and resizes only the crop."""

    def read(file: bytes) -> Values:
        with Image.open(BytesIO(file)) as image:
            displayed, extent = _draft(image, target)
            placement = target.place(*displayed)
            if target.preprocess.geometry.orientation:
                ImageOps.exif_transpose(image, in_place=True)
            converted = eight_bit(image, target.color)
        # All views are parts of one resized image.
        if len(target.views) > 1 or not placement.is_inside:
            whole = channels_of(_by(converted, target, placement, _size(placement)), target.color)
            return target.each_view(
                lambda view: view.normalized(view.seen(whole, view.place(*displayed)))
            )
        rows, columns = placement.rows, placement.columns
        down, right = extent[1] / rows.target, extent[0] / columns.target
        box = (
            columns.start * right,
            rows.start * down,
            min((columns.start + columns.length) * right, converted.width),
            min((rows.start + rows.length) * down, converted.height),
        )
        part = _by(converted, target, placement, (columns.length, rows.length), box)
        return target.normalized(target.turned(channels_of(part, target.color), placement))

    return read


def _draft(image: Image.Image, target: Target) -> tuple[tuple[int, int], tuple[float, float]]:
    """Set the decoder to the smallest scale that is not below the size after the resize.

    Returns:
        (height, width) of the displayed image, and its (width, height) in pixels of that scale.
    """
    exchanged = target.preprocess.geometry.exchanges_sides(orientation_of(image))
    width, height = image.size[::-1] if exchanged else image.size
    placement = target.place(height, width)
    wanted = _size(placement)
    drafted = image.draft(_mode(target), wanted[::-1] if exchanged else wanted)
    extent = image.size if drafted is None else drafted[1][2:]
    return (height, width), (extent[::-1] if exchanged else extent)


def _by(
    image: Image.Image,
    target: Target,
    placement: Placement,
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Resize the image, or a box of it, with the model's filter or the most similar one."""
    if box is None and image.size == size:
        return image
    resampling = Image.Resampling[PILLOW[placement.rows.filter.name]]
    return image.resize(size, resampling, box=box)


def _size(placement: Placement) -> tuple[int, int]:
    """Return (width, height) of the whole image after the resize."""
    return placement.columns.target, placement.rows.target


def _mode(target: Target) -> str:
    """Return Pillow's mode for the colors of the target."""
    return "L" if target.color == "L" else "RGB"
