"""Files of many formats, and what each shows."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from support.coefficient_files import random_file

from jpegcompile.evaluation.benchmark.input_sets import photograph_like

# Format, mode and options of Pillow; all but JPEG and GIF store what they are given.
_SAVED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "png": ("PNG", "RGB", {}),
    "webp": ("WEBP", "RGB", {"lossless": True}),
    "bmp": ("BMP", "RGB", {}),
    "tiff": ("TIFF", "RGB", {}),
    "gif": ("GIF", "P", {}),
    "alpha.png": ("PNG", "RGBA", {}),
    "gray.png": ("PNG", "L", {}),
    "cmyk.jpg": ("JPEG", "CMYK", {"quality": 95}),
}
KINDS = (*_SAVED, "chroma.jpg")


def mixed_file(kind: str, height: int, width: int, seed: int = 0) -> bytes:
    """A file of a kind of which no coefficients are read."""
    if kind == "chroma.jpg":
        return random_file(((2, 2), (1, 1), (2, 1)), width, height)
    format, mode, options = _SAVED[kind]
    stream = io.BytesIO()
    pixels(height, width, seed, mode).save(stream, format, **options)
    return stream.getvalue()


def pixels(height: int, width: int, seed: int, mode: str = "RGB") -> Image.Image:
    """An image as photographs are."""
    return Image.fromarray(photograph_like(height, width, seed)).convert(mode)


def jpeg_file(height: int, width: int, seed: int = 0) -> bytes:
    """A JPEG file that is read."""
    stream = io.BytesIO()
    pixels(height, width, seed).save(stream, "JPEG", quality=90, subsampling=seed % 3)
    return stream.getvalue()
