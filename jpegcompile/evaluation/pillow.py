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
from jpegcompile.dct.resampled import resampled
from jpegcompile.errors import ImageError, one_line
from jpegcompile.jpeg.frame import Frame
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Geometry, Placement
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.runtime.inputs import normalize

# ITU-T T.81, B.1.1.3.
END_OF_IMAGE = b"\xff\xd9"
_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def pillow_input(
    file: Path | bytes, preprocess: Preprocess, taken: NetworkInput, *, tolerant: bool = False
) -> NDArray[np.float32]:
    """One image as the original model takes it, from Pillow's decode, rounded and clamped.

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
        if geometry.orientation:
            stored = ImageOps.exif_transpose(image)
        converted = stored.convert("L" if color == "L" else "RGB")
        frame = Frame(converted.height, converted.width, ((1, 1),), "gray")
        placement = geometry.place(frame, taken.size)
        if placement.rows.filter.library != "pillow":
            return resampled(_array(converted, color), placement, geometry.fill)
        return _placed(converted, placement, geometry, color)

    return _with_image(file, seen, tolerant=tolerant)


def _placed(
    image: Image.Image, placement: Placement, geometry: Geometry, color: Color
) -> NDArray[np.float64]:
    """Resize, mirror, crop, fill and flip, as people write it."""
    rows, columns = placement.rows, placement.columns
    size = (columns.target, rows.target)
    if image.size != size:
        image = image.resize(size, _RESAMPLING[rows.filter.name])
    pixels = _array(image, color)
    if geometry.mirror:
        pixels = pixels[:, ::-1]
    seen = np.empty((rows.length, columns.length, pixels.shape[2]))
    seen[...] = geometry.fill
    inside = [_overlap(axis.start, axis.length, axis.target) for axis in (rows, columns)]
    (from_rows, to_rows), (from_columns, to_columns) = inside
    seen[to_rows, to_columns] = pixels[from_rows, from_columns]
    return seen[:, ::-1] if geometry.flip else seen


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """Where [start, start + length) meets [0, size): within the latter, and within the former."""
    first, last = max(start, 0), max(min(start + length, size), max(start, 0))
    return slice(first, last), slice(first - start, last - start)


def _array(image: Image.Image, color: Color) -> NDArray[Any]:
    pixels = np.asarray(image)
    channels = pixels.reshape(*pixels.shape[:2], -1)
    return channels[..., ::-1] if color == "BGR" else channels


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
    mode = "L" if color == "L" else "RGB"
    return _with_image(file, lambda image: _array(image.convert(mode), color), tolerant=tolerant)


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
        raise ImageError(f"{name}: Pillow cannot decode it: {one_line(error)}") from error


def _opened(file: Path | bytes) -> Path | BytesIO:
    return BytesIO(file) if isinstance(file, bytes) else file


def _with_end(file: Path | bytes) -> BytesIO:
    """A file that ends as a whole one does.

    Where the data end Pillow waits for more and gives up. At an end of image it makes do with what
    there is, as `read_coefficients` does; behind the end of a whole file it does not look.
    """
    content = file if isinstance(file, bytes) else file.read_bytes()
    return BytesIO(content + END_OF_IMAGE)
