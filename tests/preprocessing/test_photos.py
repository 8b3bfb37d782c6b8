"""Every file of photos and odd, by every filter: the ingest is the decode and the library."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from support.resizing import every_filter, named, resized, tolerance
from support.tiers import thorough

from jpegcompile.dct.blocks import block_size, to_spatial
from jpegcompile.dct.decode import decode
from jpegcompile.dct.ingest import ingest
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.fields import resize_json
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Filter, Resize

pytestmark = pytest.mark.shared

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def images_of(folder: Path) -> list[Path]:
    found = [*(folder / "images" / "photos").glob("*.jp*g"), *(folder / "images" / "odd").glob("*")]
    # What the reader refuses.
    return sorted(path for path in found if path.name != "cmyk.jpg")


def difference(image: Coefficients, filter: Filter) -> float:
    """The largest one of imagenet's sizes and numbers, in units of what the tolerance is for."""
    resize = resize_json(Resize("short", 256, filter=filter))
    fields = {"resize": resize, "crop": "center", "scale": 1 / 255, "mean": MEAN, "std": STD}
    taken = NetworkInput("image", 3, 224, 224, "NCHW").normalized(preprocess_of(fields))
    made = to_spatial(ingest(image, taken), block_size(224, 224))
    planes = decode(image).astype(np.float32).transpose(2, 0, 1)
    height, width = planes.shape[1:]
    size = (256, int(256 * width / height))
    if width <= height:
        size = (int(256 * height / width), 256)
    top, left = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    whole = np.stack([resized(np.ascontiguousarray(plane), size, filter) for plane in planes])
    part = whole[:, top : top + 224, left : left + 224].astype(np.float64) / 255
    expected = (part - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    return float(np.abs(made - expected).max()) / tolerance(filter, (height, width), size)


@thorough
@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_every_file(filter: Filter, shared: Path) -> None:
    for path in images_of(shared):
        assert difference(read_coefficients(path), filter) < 1, path.name


def test_a_filter_a_file(shared: Path) -> None:
    filters = cycle(every_filter())
    for path, filter in zip(images_of(shared)[::3], filters, strict=False):
        assert difference(read_coefficients(path), filter) < 1, (path.name, named(filter))
