"""Spatial twins of augmentation: the float decode, then Pillow's and NumPy's operations on pixels.

Nothing here uses the code of the augmentation, but for its records of what was chosen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegcompile.data.augmentation.color import ColorChange
from jpegcompile.data.augmentation.placing import Choice
from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.color import Color
from jpegcompile.dct.decode import decode
from jpegcompile.jpeg.read import read_coefficients

Pixels = NDArray[np.float64]
Square = tuple[slice, slice]

# ITU-R BT.601 as torchvision rounds it; JFIF's R, G, B of Cb and Cr.
LUMA = np.array([0.2989, 0.587, 0.114])
FROM_CB, FROM_CR = np.array([0, -0.344136286, 1.772]), np.array([1.402, -0.714136286, 0])


def displayed(data: bytes, color: Color, is_oriented: bool) -> Pixels:
    """The float decode [H, W, C], turned as its EXIF orientation says."""
    image = read_coefficients(data)
    pixels = decode(image, color)
    if not is_oriented:
        return pixels
    quarter_turns = {1: 0, 3: 2, 6: -1, 8: 1}[image.frame.orientation]
    return np.rot90(pixels, quarter_turns)


def resized(pixels: Pixels, size: tuple[int, int], filter: str = "BILINEAR") -> Pixels:
    """Pillow's resize of planes in floating point (mode "F")."""
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(pixels, -1, 0)]
    chosen = Image.Resampling[filter]
    return np.stack(
        [np.asarray(plane.resize(size[::-1], chosen), np.float64) for plane in planes], -1
    )


def cropped(
    pixels: Pixels, choice: Choice, size: tuple[int, int], short: int, fill: float
) -> Pixels:
    """Crop, resize and flip: a box, or a random crop of a padded image of short side `short`."""
    if choice.box is not None:
        top, left, tall, wide = choice.box
        seen = resized(pixels[top : top + tall, left : left + wide], size)
    else:
        least = min(pixels.shape[:2])
        height, width = (int(short * side / least) for side in pixels.shape[:2])
        whole = resized(pixels, (height, width)) if short != least else pixels
        assert choice.corner is not None
        pad = 40
        padded = np.pad(whole, ((pad, pad), (pad, pad), (0, 0)), constant_values=fill)
        top, left = (start + pad for start in choice.corner)
        seen = padded[top : top + size[0], left : left + size[1]]
    return seen[:, ::-1] if choice.is_flipped else seen


def recolored(pixels: Pixels, change: ColorChange) -> Pixels:
    """torchvision's functions in float64, without clamping; hue turns Cb and Cr."""
    for name, factor in change.steps:
        gray = pixels @ LUMA if pixels.shape[2] == 3 else pixels[..., 0]
        if name == "brightness":
            pixels = pixels * factor
        elif name == "contrast":
            pixels = factor * pixels + (1 - factor) * gray.mean()
        elif pixels.shape[2] == 1:
            continue
        elif name == "saturation":
            pixels = factor * pixels + (1 - factor) * gray[..., None]
        else:
            # Y, Cb and Cr by solving, then the inverse transform of the turned chroma.
            to_rgb = np.stack([np.ones(3), FROM_CB, FROM_CR], 1)
            y, cb, cr = np.moveaxis(np.linalg.solve(to_rgb, pixels.reshape(-1, 3).T), 0, 0)
            turned = (cb + 1j * cr) * np.exp(1j * factor)
            made = y[:, None] + np.outer(turned.real, FROM_CB) + np.outer(turned.imag, FROM_CR)
            pixels = made.reshape(pixels.shape)
    return pixels


def network_input(
    pixels: Pixels, numbers: dict[str, Any], square: Square | None, block: int
) -> NDArray[np.float64]:
    """Normalize [H, W, C], set a square to zero, and transform: [C, H, W]."""
    scale, mean, std = (np.asarray(numbers[name]) for name in ("scale", "mean", "std"))
    made = (pixels * scale - mean) / std
    if square is not None:
        made = made.copy()
        made[square] = 0.0
    return to_jpeg(np.ascontiguousarray(np.moveaxis(made, -1, 0)), block)
