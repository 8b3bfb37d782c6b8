"""Images by Pillow's decode, in the place of coefficients where none are read of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.color import Color
from jpegcompile.errors import ImageError, InternalError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame

if TYPE_CHECKING:
    from PIL.Image import Image


# EXIF 2.32, 4.6.4.
_ORIENTATION = 0x0112


@dataclass(frozen=True, eq=False)
class PixelImage:
    """A decoded image as its file stores it: not turned, not resized.

    Attributes:
        pixels: uint8 [height, width, channels], channels in the order of `color`.
        color: that the network takes.
        frame: size and orientation; its sampling is that of one component, and means nothing.
    """

    pixels: NDArray[np.uint8]
    color: Color
    frame: Frame


ReadImage: TypeAlias = Coefficients | PixelImage
"""What is read of a file."""


def coefficients_of(images: Sequence[ReadImage]) -> list[Coefficients]:
    """The images, all of which are coefficients.

    Raises:
        InternalError: if one is not.
    """
    found = [image for image in images if isinstance(image, Coefficients)]
    if len(found) < len(images):
        raise InternalError("pixels came where coefficients are needed")
    return found


def eight_bit(image: Image, color: Color) -> Image:
    """An image of Pillow's in its mode "L" or "RGB".

    Transparency is dropped. Samples of 16 bits are scaled to 8, where Pillow's own `convert` would
    show all but the darkest 256 of their values as white.

    Raises:
        ImageError: if samples have 32 bits: nothing says which value is white.
    """
    mode = "L" if color == "L" else "RGB"
    if image.mode.startswith("I;16"):
        from PIL.Image import fromarray

        # 65535 / 257 is 255.
        samples = np.asarray(image).astype(np.uint32)
        return fromarray(((samples + 128) // 257).astype(np.uint8)).convert(mode)
    if image.mode in ("I", "F"):
        raise ImageError("samples of 32 bits say nothing of what is white; convert it to 8 bits")
    if image.mode == "P" and "transparency" in image.info:
        # Pillow warns where a palette has alpha, and converts to the same colours.
        image = image.convert("RGBA")
    return image.convert(mode)


def orientation_of(image: Image) -> int:
    """How an image that Pillow opened is to be turned, 1 to 8; 1 where its metadata are damaged."""
    try:
        number = image.getexif().get(_ORIENTATION, 1)
    except SyntaxError:
        # Of metadata that do not begin as a TIFF file does.
        return 1
    return int(number) if number in range(1, 9) else 1


def channels_of(image: Image, color: Color) -> NDArray[Any]:
    """Pixels [H, W, C] of an image of mode "L" or "RGB", channels in the order of `color`."""
    pixels = np.asarray(image)
    channels = pixels.reshape(*pixels.shape[:2], -1)
    return channels[..., ::-1] if color == "BGR" else channels
