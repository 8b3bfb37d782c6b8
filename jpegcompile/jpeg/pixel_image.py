"""Images that Pillow decoded because their coefficients are not readable."""

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
from jpegcompile.messages import Message

if TYPE_CHECKING:
    from PIL.Image import Image


# EXIF 2.32, 4.6.4.
_ORIENTATION = 0x0112


@dataclass(frozen=True, eq=False)
class PixelImage:
    """A decoded image as stored in its file, before orientation and resize.

    Attributes:
        pixels: uint8 [height, width, channels], channels in the order of `color`.
        color: color of the network's input.
        frame: size and orientation of the image. Its sampling has no meaning.
    """

    pixels: NDArray[np.uint8]
    color: Color
    frame: Frame


ReadImage: TypeAlias = Coefficients | PixelImage
"""The content of an image file."""


def coefficients_of(images: Sequence[ReadImage]) -> list[Coefficients]:
    """Return the same images if all of them are coefficients.

    Raises:
        InternalError: if an image has pixels.
    """
    found = [image for image in images if isinstance(image, Coefficients)]
    if len(found) < len(images):
        raise InternalError(
            Message(
                "pixels-instead-of-coefficients",
                "expected coefficients, but found pixels; please report it",
            )
        )
    return found


def eight_bit(image: Image, color: Color) -> Image:
    """Convert an image of Pillow to mode "L" or "RGB".

    Transparency is dropped. 16-bit samples are scaled to 8 bits, because Pillow's own `convert`
    would clip them to 255.

    Args:
        image: an image of any mode.
        color: "L" for mode "L"; other colors for mode "RGB".

    Raises:
        ImageError: if samples have 32 bits, because the file does not say which value is white.
    """
    mode = "L" if color == "L" else "RGB"
    if image.mode.startswith("I;16"):
        from PIL.Image import fromarray

        # 65535 / 257 is 255.
        samples = np.asarray(image).astype(np.uint32)
        return fromarray(((samples + 128) // 257).astype(np.uint8)).convert(mode)
    if image.mode in ("I", "F"):
        raise ImageError(
            Message(
                "fallback-samples-32-bit",
                "32-bit samples do not define which value is white; convert it to 8 bits",
            )
        )
    if image.mode == "P" and "transparency" in image.info:
        # Pillow warns about a palette with alpha; converting to RGBA first gives the same colors.
        image = image.convert("RGBA")
    return image.convert(mode)


def orientation_of(image: Image) -> int:
    """Return the EXIF orientation of an image of Pillow, 1 to 8; 1 if the metadata is damaged."""
    try:
        number = image.getexif().get(_ORIENTATION, 1)
    except SyntaxError:
        # The metadata does not begin like a TIFF file.
        return 1
    return int(number) if number in range(1, 9) else 1


def channels_of(image: Image, color: Color) -> NDArray[Any]:
    """Return the pixels [H, W, C] of an image of mode "L" or "RGB", in the order of `color`."""
    pixels = np.asarray(image)
    channels = pixels.reshape(*pixels.shape[:2], -1)
    return channels[..., ::-1] if color == "BGR" else channels
