"""What Pillow gives for a file and a placement, and files with placements to try it on."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import PIL
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.jpeg_writer import Frame, write_jpeg

from jpegcompile.dct.color import Color
from jpegcompile.preprocessing.geometry import AxisPlacement, Placement
from jpegcompile.preprocessing.steps import INTERPOLATIONS, Filter

Bytes = NDArray[np.uint8]

needs_pillow_13 = pytest.mark.skipif(
    int(PIL.__version__.split(".")[0]) < 13, reason="older ones resize axes in another order"
)

FILTERS = {name: Image.Resampling[name.upper()] for name in INTERPOLATIONS["pillow"]}
Turn = Image.Transpose


def whole(width: int, height: int) -> Placement:
    """An image as it is."""
    return Placement(AxisPlacement.whole(height), AxisPlacement.whole(width))


def no_fill(color: Color) -> tuple[int, ...]:
    return (0,) if color == "L" else (0, 0, 0)


def channels_first(image: Image.Image, color: Color) -> Bytes:
    """[C, H, W] of an image that is RGB or L."""
    pixels = np.asarray(image)
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return planes[::-1] if color == "BGR" else planes


def by_pillow(data: bytes, placement: Placement, color: Color, fill: tuple[int, ...]) -> Bytes:
    """[C, rows, columns]: converted, turned, resized, cropped, flipped, each by Pillow."""
    rows, columns = placement.rows, placement.columns
    image = Image.open(io.BytesIO(data)).convert("L" if color == "L" else "RGB")
    if placement.is_transposed:
        image = image.transpose(Turn.TRANSPOSE)
    if rows.is_mirrored:
        image = image.transpose(Turn.FLIP_TOP_BOTTOM)
    if columns.is_mirrored:
        image = image.transpose(Turn.FLIP_LEFT_RIGHT)
    assert image.size == (columns.source, rows.source)
    image = image.resize((columns.target, rows.target), FILTERS[rows.filter.name])
    canvas = Image.new(image.mode, (columns.length, rows.length))
    if image.mode == "L":
        canvas.paste(fill[0], (0, 0, *canvas.size))
    else:
        canvas.paste(fill[::-1] if color == "BGR" else fill, (0, 0, *canvas.size))
    canvas.paste(image, (-columns.start, -rows.start))
    if rows.is_flipped:
        canvas = canvas.transpose(Turn.FLIP_TOP_BOTTOM)
    if columns.is_flipped:
        canvas = canvas.transpose(Turn.FLIP_LEFT_RIGHT)
    return channels_first(canvas, color)


@dataclass(frozen=True)
class Case:
    """A file, where it is to stand, and as what."""

    data: bytes
    placement: Placement
    color: Color
    fill: tuple[int, ...]


def random_case(generator: random.Random, most: int = 120) -> Case:
    """Any sampling, size, filter, crop, orientation, flip, color and fill."""

    def size() -> int:
        return generator.randint(1, generator.choice((12, 40, most)))

    width, height = size(), size()
    if generator.random() < 0.3:
        data = make_jpeg(
            width, height, quality=generator.randint(1, 100), subsampling=generator.randrange(3)
        )
    else:
        data = random_file(generator.choice(list(SAMPLINGS.values())), width, height)
    is_transposed = generator.random() < 0.4
    sources = (width, height) if is_transposed else (height, width)
    chosen = Filter(generator.choice(INTERPOLATIONS["pillow"]))

    def axis(source: int) -> AxisPlacement:
        target = source if generator.random() < 0.2 else size()
        is_cropped = generator.random() < 0.7
        return AxisPlacement(
            source,
            target,
            generator.randint(-5, target) if is_cropped else 0,
            size() if is_cropped else target,
            chosen,
            generator.random() < 0.4,
            generator.random() < 0.4,
        )

    color: Color = generator.choice(("RGB", "BGR", "L"))
    fill = tuple(generator.randrange(256) for _ in no_fill(color))
    return Case(data, Placement(axis(sources[0]), axis(sources[1]), is_transposed), color, fill)


def unlike_images(count: int) -> Iterator[bytes]:
    """Files of 40 x 24 pixels whose coefficients overflow 16 bits: dense, sparse and flat ones."""
    generator = np.random.default_rng(0)
    for index in range(count):
        shape = (3, 3, 5, 8, 8)
        most = (3, 30, 1023)[index % 3]
        table = generator.integers(1, (2, 64, 4000, 65536)[index % 4], (3, 8, 8))
        values = generator.integers(-most, most + 1, shape)
        values[generator.random(shape) > (0.02, 0.2, 1.0)[index % 5 % 3]] = 0
        values[generator.random(shape[:3]) < 0.3, 1:] = 0  # rows below the first
        values[..., 0, 0] = generator.integers(-1000, 1000, shape[:3])
        planes = list(values.astype(np.int16))
        yield write_jpeg(Frame(40, 24, planes, ((1, 1),) * 3, table.astype(np.uint16)))
