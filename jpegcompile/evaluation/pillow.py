"""Inputs of the original model from Pillow's 8-bit decode and resize."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from jpegcompile.dct.color import Color
from jpegcompile.dct.resampled import resampled_views
from jpegcompile.errors import ImageError, one_line
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pixel_image import channels_of, eight_bit, orientation_of
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.runtime.input_tensors import normalize
from jpegcompile.runtime.pixel_input import placed_by_pillow
from jpegcompile.runtime.views import placements_of, stacked

# ITU-T T.81, B.1.1.3.
END_OF_IMAGE = b"\xff\xd9"


def pillow_input(
    file: Path | bytes, preprocess: Preprocess, taken: NetworkInput, *, tolerant: bool = False
) -> NDArray[np.float32]:
    """Return the original model's input for one image, from Pillow's rounded and clamped decode.

    Several views of the image are stacked along a new first axis.

    Args:
        file: a path, or the content of a file.
        preprocess: preprocessing from pixels to the model's input.
        taken: the model's image input.
        tolerant: as for `pillow_pixels`.

    Raises:
        ImageError: if Pillow cannot decode the file, or the image does not have the network's size.
    """
    pixels = seen_by_pillow(file, preprocess, taken, tolerant=tolerant)
    return normalize(pixels, preprocess.affine(taken.channels), taken.layout)


def seen_by_pillow(
    file: Path | bytes, preprocess: Preprocess, taken: NetworkInput, *, tolerant: bool = False
) -> NDArray[np.float64]:
    """Return the pixels [H, W, C] that the original model sees, on the 0..255 scale.

    Several views are stacked along a new first axis.

    Pillow's own filters return 8-bit integers. Filters of other libraries are applied to Pillow's
    decode in floating point.

    Args:
        file: a path, or the content of a file.
        preprocess: preprocessing from pixels to the model's input.
        taken: the model's image input.
        tolerant: as for `pillow_pixels`.

    Raises:
        ImageError: if Pillow cannot decode the file, or the image does not have the network's size.
    """
    geometry, color = preprocess.geometry, preprocess.color_for(taken.channels)

    def seen(image: Image.Image) -> NDArray[np.float64]:
        stored = image
        if geometry.orientation and orientation_of(image) != 1:
            stored = ImageOps.exif_transpose(image)
        converted = eight_bit(stored, color)
        frame = Frame(converted.height, converted.width, ((1, 1),), "gray")
        placements = placements_of(geometry, frame, taken.size)
        if placements[0].rows.filter.library != "pillow":
            pixels = channels_of(converted, color)
            return stacked(geometry, resampled_views(pixels, placements, geometry.fill))
        return stacked(geometry, placed_by_pillow(converted, placements, geometry, color))

    return _with_image(file, seen, tolerant=tolerant)


def pillow_pixels(file: Path | bytes, color: Color, *, tolerant: bool = False) -> NDArray[np.uint8]:
    """Return the pixels [H, W, C] of one image by Pillow's decode.

    Args:
        file: a path, or the content of a file.
        color: order of the channels.
        tolerant: whether to decode as much as possible of a file that ends early; the rest is gray,
            as in `read_coefficients`.

    Raises:
        ImageError: if Pillow cannot decode the file.
    """
    return _with_image(
        file, lambda image: channels_of(eight_bit(image, color), color), tolerant=tolerant
    )


def _with_image(
    file: Path | bytes, work: Callable[[Image.Image], NDArray[Any]], *, tolerant: bool
) -> NDArray[Any]:
    """Return what `work` returns for the image of a file.

    Raises:
        ImageError: if Pillow cannot decode the file, or if `work` raises it.
    """
    name = "bytes" if isinstance(file, bytes) else file
    try:
        with Image.open(_with_end(file) if tolerant else _opened(file)) as image:
            return work(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        text = f"{name}: Pillow cannot decode it: {one_line(error)}; give a whole file"
        raise ImageError(Message("pillow-cannot-decode", text)) from error


def _opened(file: Path | bytes) -> Path | BytesIO:
    return BytesIO(file) if isinstance(file, bytes) else file


def _with_end(file: Path | bytes) -> BytesIO:
    """Return a file with an end-of-image marker appended.

    Without the marker, Pillow refuses a file that ends early. With the marker, Pillow decodes the
    available data, as `read_coefficients` does. Pillow reads nothing after the end of an undamaged
    file.
    """
    content = file if isinstance(file, bytes) else file.read_bytes()
    return BytesIO(content + END_OF_IMAGE)
