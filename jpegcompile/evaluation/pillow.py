"""Images as the original model takes them, by Pillow: its 8-bit decode, and its resize of that."""

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
    """One image as the original model takes it, from Pillow's decode, rounded and clamped.

    Several views of it are stacked along a new first axis.

    Args:
        file: to decode.
        preprocess: from pixels to the model's input.
        taken: that input.
        tolerant: as for `pillow_pixels`.

    Raises:
        ImageError: if Pillow refuses the file, or it does not come to the network's size.
    """
    pixels = seen_by_pillow(file, preprocess, taken, tolerant=tolerant)
    return normalize(pixels, preprocess.affine(taken.channels), taken.layout)


def seen_by_pillow(
    file: Path | bytes, preprocess: Preprocess, taken: NetworkInput, *, tolerant: bool = False
) -> NDArray[np.float64]:
    """Pixels [H, W, C] that the original model is shown, on the 0..255 scale.

    Several views are stacked along a new first axis.

    Pillow's own filters give 8-bit integers. Those of other libraries are applied in real
    arithmetic to Pillow's decode.

    Args:
        file: a path, or a file's content.
        preprocess: from pixels to the model's input.
        taken: that input.
        tolerant: as for `pillow_pixels`.

    Raises:
        ImageError: if Pillow refuses the file, or it does not come to the network's size.
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
    """Pixels [H, W, C] of one image by Pillow's decode, channels in the order of `color`.

    Args:
        file: a path, or a file's content.
        color: that is wanted.
        tolerant: whether to take what can be read of a file that ends early; what is missing is
            grey, as in `read_coefficients`.

    Raises:
        ImageError: if Pillow refuses the file.
    """
    return _with_image(
        file, lambda image: channels_of(eight_bit(image, color), color), tolerant=tolerant
    )


def _with_image(
    file: Path | bytes, work: Callable[[Image.Image], NDArray[Any]], *, tolerant: bool
) -> NDArray[Any]:
    """What `work` makes of the image of a file, errors of Pillow's being ImageErrors.

    Raises:
        ImageError: if Pillow refuses the file, beginning with its name; or as `work` raises it.
    """
    name = "bytes" if isinstance(file, bytes) else file
    try:
        with Image.open(_with_end(file) if tolerant else _opened(file)) as image:
            return work(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(
            f"{name}: Pillow cannot decode it: {one_line(error)}; give a whole file"
        ) from error


def _opened(file: Path | bytes) -> Path | BytesIO:
    return BytesIO(file) if isinstance(file, bytes) else file


def _with_end(file: Path | bytes) -> BytesIO:
    """A file that ends as a whole one does.

    Where the data end Pillow waits for more and gives up. At an end of image it makes do with what
    there is, as `read_coefficients` does; behind the end of a whole file it does not look.
    """
    content = file if isinstance(file, bytes) else file.read_bytes()
    return BytesIO(content + END_OF_IMAGE)
