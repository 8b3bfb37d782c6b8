"""The pixel fallback: decide which files Pillow decodes, and decode them.

The fallback is for files without readable coefficients: PNG, WebP and other formats, and JPEG files
with CMYK, arithmetic coding or differently sampled chroma components. Damaged files remain errors.
A JPEG file with readable coefficients is decoded by Pillow only if it is undamaged.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

from jpegcompile.dct.color import Color
from jpegcompile.errors import ImageError, UsageError, one_line
from jpegcompile.jpeg.failures import unreadable
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.header import (
    has_common_frame,
    has_unlike_chroma,
    has_unread_frame,
    is_jpeg,
    is_other_image,
)
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.pixel_image import PixelImage, channels_of, eight_bit, orientation_of
from jpegcompile.jpeg.read import (
    DEFAULT_MAX_PIXELS,
    ImageSource,
    image_bytes,
    read_coefficients_many,
    source_name,
)
from jpegcompile.messages import Message

Fallback = Literal["none", "pixels"]
FALLBACKS: tuple[Fallback, ...] = get_args(Fallback)

ADVICE = 'or decode its pixels (--fallback pixels, fallback="pixels" in Python)'

# The frame header follows the metadata; it is searched in this many bytes.
_HEAD = 1 << 20
# Formats that are not images, or that Pillow decodes by external programs or plug-ins.
_NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})


def checked_fallback(fallback: str) -> Fallback:
    """Return `fallback` if it is "none" or "pixels".

    Raises:
        UsageError: otherwise.
    """
    for known in FALLBACKS:
        if fallback == known:
            return known
    raise UsageError(
        Message("fallback-unknown", f"fallback is {fallback!r}; use one of {', '.join(FALLBACKS)}")
    )


def image_suffixes() -> tuple[str, ...]:
    """Return the file name suffixes that Pillow decodes, in lower case and with the dot."""
    from PIL import Image

    formats = set(_decoded_formats())
    return tuple(s for s, name in Image.registered_extensions().items() if name in formats)


class PixelFallback:
    """Decodes files without readable coefficients, if the user asks for it."""

    def __init__(
        self, fallback: Fallback, color: Color, *, max_pixels: int = DEFAULT_MAX_PIXELS
    ) -> None:
        """Create a decoder for a network.

        Args:
            fallback: "pixels" decodes; "none" decodes nothing, and errors advise "pixels" where it
                would help.
            color: color of the network's input.
            max_pixels: largest number of pixels; larger images are refused before decoding.

        Raises:
            UsageError: if `fallback` is neither "none" nor "pixels".
        """
        self.fallback = checked_fallback(fallback)
        self._color: Color = color
        self._max_pixels = max_pixels

    def instead(self, source: ImageSource, error: ImageError) -> PixelImage:
        """Decode a file that the JPEG reader refused.

        Args:
            source: path or bytes of the file. Messages name it as if it were the only source.
            error: error of the JPEG reader.

        Returns:
            The decoded pixels.

        Raises:
            ImageError: `error` if decoding would not help; `error` with advice if decoding would
                help but `fallback` is "none"; another error if Pillow cannot decode the file.
        """
        head = _head(source)
        if not head:
            raise error
        if not is_jpeg(head):
            if self.fallback == "none" and is_other_image(head):
                raise _advised(error) from error
        elif has_unlike_chroma(head):
            # The coefficients of such a file are readable; reading them finds damage.
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
                        Message(
                            "fallback-image-too-large",
                            f"{name}: {image.width} x {image.height} pixels are more than the limit"
                            f" of {self._max_pixels}; scale or crop it",
                        )
                    )
                # `load` turns TIFF files; their orientation is 1 afterwards.
                image.load()
                orientation = orientation_of(image)
                converted = eight_bit(image, self._color)
        except UnidentifiedImageError:
            raise error from None
        except ImageError as refusal:
            if str(refusal).startswith(f"{name}: "):
                raise
            raise ImageError(Message(refusal.code, f"{name}: {refusal}")) from refusal
        except Image.DecompressionBombError as failure:
            raise ImageError(
                Message(
                    "fallback-image-refused-by-pillow",
                    f"{name}: {one_line(failure)}; scale or crop it",
                )
            ) from failure
        # Pillow's plug-ins raise exceptions of any class for damaged files.
        except Exception as failure:
            raise ImageError(
                Message(
                    "fallback-image-damaged",
                    f"{name}: Pillow cannot decode it: {one_line(failure)}; give a whole file",
                )
            ) from failure
        frame = Frame(converted.height, converted.width, ((1, 1),), "gray", orientation)
        return PixelImage(channels_of(converted, self._color), self._color, frame)


def _decoded_formats() -> list[str]:
    from PIL import Image

    Image.init()
    return [name for name in Image.OPEN if name not in _NOT_DECODED]


def _advised(error: ImageError) -> ImageError:
    return ImageError(Message(error.code, f"{error}, {ADVICE}"))


def _head(source: ImageSource) -> bytes:
    """Return the start of a file; nothing if it is not a regular file, which may be endless."""
    if isinstance(source, PackedImage):
        return b""
    if not isinstance(source, str | os.PathLike):
        return bytes(memoryview(image_bytes(source)).cast("B")[:_HEAD])
    path = Path(source)
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise unreadable(source_name([source], 0), error.strerror) from error
