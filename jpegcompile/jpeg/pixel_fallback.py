"""The one place that decides which files go through pixels, and how they are decoded.

Pillow decodes files that hold no coefficients, or none that are read: PNG, WebP and other formats,
JPEG files in CMYK, of arithmetic coding, of chroma components that are sampled differently. Damaged
files stay errors: a JPEG whose coefficients are read goes this way only if all of them are there.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

from jpegcompile.dct.color import Color
from jpegcompile.errors import AccessError, ImageError, UsageError, one_line
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.header import (
    has_common_frame,
    has_unlike_chroma,
    has_unread_frame,
    is_jpeg,
    is_other_image,
)
from jpegcompile.jpeg.pixel_image import PixelImage, channels_of, eight_bit, orientation_of
from jpegcompile.jpeg.read import (
    DEFAULT_MAX_PIXELS,
    ImageSource,
    image_bytes,
    read_coefficients_many,
    source_name,
)

Fallback = Literal["none", "pixels"]
FALLBACKS: tuple[Fallback, ...] = get_args(Fallback)

ADVICE = 'or take its pixels (--fallback pixels, fallback="pixels" in Python)'

# Bytes in which the frame header of a file is looked for, behind its metadata.
_HEAD = 1 << 20
# Formats that Pillow has other programs or plug-ins decode, or that are no images.
_NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})


def checked_fallback(fallback: str) -> Fallback:
    """One of the two ways.

    Raises:
        UsageError: if it is another word.
    """
    for known in FALLBACKS:
        if fallback == known:
            return known
    raise UsageError(f"fallback is {fallback!r}; use one of {', '.join(FALLBACKS)}")


def image_suffixes() -> tuple[str, ...]:
    """How names of files end that Pillow decodes, in lower case, with the dot."""
    from PIL import Image

    formats = set(_decoded_formats())
    return tuple(s for s, name in Image.registered_extensions().items() if name in formats)


class PixelFallback:
    """Decodes files of which no coefficients are read, where that was asked for."""

    def __init__(
        self, fallback: Fallback, color: Color, *, max_pixels: int = DEFAULT_MAX_PIXELS
    ) -> None:
        """Decode for a network.

        Args:
            fallback: "pixels"; or "none", which decodes nothing and says where pixels would help.
            color: that the network takes.
            max_pixels: refuse images of more pixels before they are decoded.

        Raises:
            UsageError: if `fallback` is neither.
        """
        self.fallback = checked_fallback(fallback)
        self._color: Color = color
        self._max_pixels = max_pixels

    def instead(self, source: ImageSource, error: ImageError) -> PixelImage:
        """The pixels of a file that was refused.

        Args:
            source: the file; it is the only one that messages know.
            error: why it was refused.

        Raises:
            ImageError: `error` where pixels would not help; else the same with advice where no
                pixels were asked for; or that the file cannot be decoded.
        """
        head = _head(source)
        if not head:
            raise error
        if not is_jpeg(head):
            if self.fallback == "none" and is_other_image(head):
                raise _advised(error) from error
        elif has_unlike_chroma(head):
            # Damage of such a file is found by reading its coefficients.
            read_coefficients_many([source], threads=1, max_pixels=self._max_pixels)
        elif not has_unread_frame(head):
            raise error
        if self.fallback == "none":
            raise _advised(error) if has_common_frame(head) else error
        return self._decoded(source, error)

    def _decoded(self, source: ImageSource, error: ImageError) -> PixelImage:
        from PIL import Image, UnidentifiedImageError

        name, content = source_name([source], 0), BytesIO(image_bytes(source))
        try:
            with Image.open(content, formats=_decoded_formats()) as image:
                if image.width * image.height > self._max_pixels:
                    raise ImageError(
                        f"{name}: {image.width} x {image.height} pixels are more than the limit of"
                        f" {self._max_pixels}; scale or crop it"
                    )
                # Pillow turns TIFF files by itself, and the orientation is 1 behind that.
                image.load()
                orientation = orientation_of(image)
                converted = eight_bit(image, self._color)
        except UnidentifiedImageError:
            raise error from None
        except ImageError as refusal:
            if str(refusal).startswith(f"{name}: "):
                raise
            raise ImageError(f"{name}: {refusal}") from refusal
        except Image.DecompressionBombError as failure:
            raise ImageError(f"{name}: {one_line(failure)}; scale or crop it") from failure
        # Pillow's plug-ins raise whatever their code comes to on damaged files.
        except Exception as failure:
            raise ImageError(
                f"{name}: Pillow cannot decode it: {one_line(failure)}; give a whole file"
            ) from failure
        frame = Frame(converted.height, converted.width, ((1, 1),), "gray", orientation)
        return PixelImage(channels_of(converted, self._color), self._color, frame)


def _decoded_formats() -> list[str]:
    from PIL import Image

    Image.init()
    return [name for name in Image.OPEN if name not in _NOT_DECODED]


def _advised(error: ImageError) -> ImageError:
    return ImageError(f"{error}, {ADVICE}")


def _head(source: ImageSource) -> bytes:
    """The start of a file; nothing of what is no regular file, which may never end."""
    if not isinstance(source, str | os.PathLike):
        return bytes(memoryview(image_bytes(source)).cast("B")[:_HEAD])
    path = Path(source)
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        name = source_name([source], 0)
        raise AccessError(f"{name}: cannot read: {error.strerror}; check the path") from error
