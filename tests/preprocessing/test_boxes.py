"""Boxes of images: the native ingest and Pillow against the resize of the box alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.coefficient_files import SAMPLINGS, random_file
from support.preprocessing import network, tolerance
from support.tiers import thorough

from jpegcompile.data.augmentation.placing import boxed_placement
from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.decode import decode
from jpegcompile.dct.resampled import resampled
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.preprocessing.steps import INTERPOLATIONS
from jpegcompile.runtime.preprocessor import Preprocessor

FILTERS = [
    (library, name)
    for library, names in INTERPOLATIONS.items()
    for name in names
    if library != "jpegcompile"
]
# The box of the displayed image, and what turns stored pixels to displayed ones.
TURNS = {1: (0, False), 2: (0, True), 3: (2, False), 6: (3, False), 8: (1, False)}


@pytest.mark.parametrize(
    "orientation", [1, 6, *(pytest.param(n, marks=thorough) for n in (2, 3, 8))]
)
@pytest.mark.parametrize("sampling", ["4:2:0", "4:1:1", "gray"])
@pytest.mark.parametrize(
    "filter",
    [FILTERS[2], *(pytest.param(each, marks=thorough) for each in FILTERS[:2] + FILTERS[3:])],
)
def test_a_box_is_resized_alone(filter: tuple[str, str], sampling: str, orientation: int) -> None:
    """No pixel outside of the box is read."""
    library, name = filter
    resize = {"fit": "exact", "library": library, "filter": name}
    taken = network((24, 32), resize=resize, orientation=True, flip=True)
    data = random_file(SAMPLINGS[sampling], 61, 47)
    frame = replace(read_coefficients(data).frame, orientation=orientation)
    turns, is_mirrored = TURNS[orientation]
    pixels = decode(read_coefficients(data))
    shown = np.rot90(pixels[:, ::-1] if is_mirrored else pixels, turns)
    top, left, tall, wide = box = (5, 9, 30, 25)
    placement = boxed_placement(frame, taken.geometry, taken.size, box)
    _, affine = taken.from_pixels
    # An image that is the box, stored as it is displayed, and its own placement.
    alone = replace(frame, height=tall, width=wide, orientation=1)
    own = taken.geometry.place(alone, taken.size)
    part = shown[top : top + tall, left : left + wide]
    seen = resampled(part, own, (0.0,)) * affine.scale + affine.shift
    expected = to_jpeg(np.ascontiguousarray(np.moveaxis(seen, -1, 0)), 8)
    batch = Preprocessor(taken, threads=1).read([data], place=lambda *_: placement)
    np.testing.assert_allclose(batch.tensor[0], expected, rtol=0, atol=tolerance(expected))
    moved = boxed_placement(frame, taken.geometry, taken.size, (top, left + 1, tall, wide))
    other = Preprocessor(taken, threads=1).read([data], place=lambda *_: moved).tensor[0]
    assert np.abs(other - expected).max() > 100 * tolerance(expected)


def test_pillow_crops_before_it_resizes() -> None:
    """Which `Image.resize(box=)` does not: it reads pixels around the box."""
    plane = np.random.default_rng(0).uniform(0, 255, (40, 50)).astype(np.float32)
    image, box = Image.fromarray(plane), (7, 4, 37, 34)
    taken = network((8, 8), color="L", resize={"fit": "exact"})
    frame = replace(read_coefficients(random_file(SAMPLINGS["gray"], 50, 40)).frame)
    placement = boxed_placement(frame, taken.geometry, (8, 8), (4, 7, 30, 30))
    made = resampled(plane.astype(np.float64)[..., None], placement, (0.0,))[..., 0]
    bilinear: Any = Image.Resampling.BILINEAR
    cropped = np.asarray(image.crop(box).resize((8, 8), bilinear))
    # Pillow rounds to float32 behind each axis.
    np.testing.assert_allclose(made, cropped, rtol=0, atol=2 * 255 * 2.0**-24)
    around = np.asarray(image.resize((8, 8), bilinear, box=box))
    assert np.abs(made - around).max() > 1.0
