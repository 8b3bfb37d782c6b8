"""Five and ten views by torchvision's rule, computed apart from the package."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Size = tuple[int, int]


def resized_by_pillow(file: bytes, short: int) -> Pixels:
    """Pixels [H, W, 3] of Pillow's decode, resized as torchvision's Resize does an image."""
    with Image.open(io.BytesIO(file)) as opened:
        image = opened.convert("RGB")
    width, height = image.size
    if width <= height:
        size = short, int(short * height / width)
    else:
        size = int(short * width / height), short
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def five_crop(pixels: Pixels, size: Size) -> list[Pixels]:
    """torchvision's functional `five_crop` of [H, W, C]: both rows, and the middle."""
    (rows, columns), (height, width) = size, pixels.shape[:2]
    top, left = round((height - rows) / 2.0), round((width - columns) / 2.0)
    corners = [(0, 0), (0, width - columns), (height - rows, 0), (height - rows, width - columns)]
    return [pixels[y : y + rows, x : x + columns] for y, x in [*corners, (top, left)]]


def ten_crop(pixels: Pixels, size: Size) -> list[Pixels]:
    """torchvision's functional `ten_crop`: of the image, and of the image mirrored."""
    return five_crop(pixels, size) + five_crop(pixels[:, ::-1], size)


CROPS = {"five": five_crop, "ten": ten_crop}
COUNTS = {"five": 5, "ten": 10}
