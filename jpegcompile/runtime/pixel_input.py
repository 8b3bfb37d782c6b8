"""Pixels of Pillow's decode as a network takes them.

    decoder "float":          uint8 pixels -> resize in real arithmetic -> normalise -> block DCT
    decoder "libjpeg-turbo":  uint8 pixels -> Pillow's 8-bit resize     -> normalise -> block DCT

Filters of other libraries than Pillow have no 8-bit form here: they are applied in real arithmetic
with either decoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.color import Color
from jpegcompile.dct.resampled import Doubles, resampled
from jpegcompile.jpeg.pixel_image import PixelImage, channels_of
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Geometry, Placement
from jpegcompile.preprocessing.preprocess import Decoder
from jpegcompile.preprocessing.steps import Size
from jpegcompile.runtime.views import of_each_view

if TYPE_CHECKING:
    from PIL import Image


def shown(image: PixelImage, geometry: Geometry, network: Size, decoder: Decoder) -> Doubles:
    """Pixels [H, W, C] that a network is shown, on the 0..255 scale.

    Args:
        image: of a file.
        geometry: how it comes to the network's size.
        network: (height, width) of the network's input.
        decoder: see the module's text.

    Raises:
        ImageError: if it does not come to that size.
    """
    placement = geometry.place(image.frame, network)
    if decoder == "float" or placement.rows.filter.library != "pillow":
        return resampled(image.pixels.astype(np.float64), placement, geometry.fill)
    from PIL import Image

    pixels = _upright(image.pixels, placement)
    squeezed = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    made = Image.fromarray(np.ascontiguousarray(squeezed))
    # The channels have their order already, and resizing acts on each by itself.
    return placed_by_pillow(made, placement, geometry, "RGB")


def network_tensor(image: PixelImage, taken: NetworkInput, block: int) -> NDArray[np.float32]:
    """One image where a network begins, in its layout, in the jpeg domain at `block`.

    Several views of it are stacked along a new first axis.

    Raises:
        ImageError: if the image does not come to the network's size.
        UsageError: if the network takes tensors.
    """
    _, affine = taken.from_pixels

    def view(geometry: Geometry) -> NDArray[np.float32]:
        pixels = shown(image, geometry, taken.size, taken.decoder)
        channels = (pixels * affine.scale + affine.shift).transpose(2, 0, 1)
        tensor = to_jpeg(np.ascontiguousarray(channels), block).astype(np.float32)
        return tensor.transpose(1, 2, 0) if taken.layout == "NHWC" else tensor

    return of_each_view(taken.geometry, view)


def _upright(pixels: NDArray[np.uint8], placement: Placement) -> NDArray[np.uint8]:
    """Stored pixels turned as the placement says."""
    turned = pixels.swapaxes(0, 1) if placement.is_transposed else pixels
    if placement.rows.is_mirrored:
        turned = turned[::-1]
    return turned[:, ::-1] if placement.columns.is_mirrored else turned


def placed_by_pillow(
    image: Image.Image, placement: Placement, geometry: Geometry, color: Color
) -> Doubles:
    """An upright image resized, mirrored, cropped, filled and flipped, as people write it.

    Args:
        image: of mode "L" or "RGB".
        placement: of the upright image.
        geometry: that the placement comes from.
        color: order of the channels that are wanted.

    Returns:
        [rows, columns, channels] on the 0..255 scale.
    """
    from PIL import Image

    filters = {
        "nearest": Image.Resampling.NEAREST,
        "box": Image.Resampling.BOX,
        "bilinear": Image.Resampling.BILINEAR,
        "hamming": Image.Resampling.HAMMING,
        "bicubic": Image.Resampling.BICUBIC,
        "lanczos": Image.Resampling.LANCZOS,
    }
    rows, columns = placement.rows, placement.columns
    size = (columns.target, rows.target)
    if image.size != size:
        image = image.resize(size, filters[rows.filter.name])
    pixels = channels_of(image, color)
    seen = np.empty((rows.length, columns.length, pixels.shape[2]))
    seen[...] = geometry.fill
    inside = [_overlap(axis.start, axis.length, axis.target) for axis in (rows, columns)]
    (from_rows, to_rows), (from_columns, to_columns) = inside
    seen[to_rows, to_columns] = pixels[from_rows, from_columns]
    return seen[:, ::-1] if columns.is_flipped else seen


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """Where [start, start + length) meets [0, size): within the latter, and within the former."""
    first, last = max(start, 0), max(min(start + length, size), max(start, 0))
    return slice(first, last), slice(first - start, last - start)
