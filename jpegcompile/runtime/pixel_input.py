"""Pixels of Pillow's decode as a network takes them.

    decoder "float":          uint8 pixels -> resize in real arithmetic -> normalise -> block DCT
    decoder "libjpeg-turbo":  uint8 pixels -> Pillow's 8-bit resize     -> normalise -> block DCT

Filters of other libraries than Pillow have no 8-bit form here: they are applied in real arithmetic
with either decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.color import Color
from jpegcompile.dct.resampled import Doubles, resampled_views
from jpegcompile.jpeg.pixel_image import PixelImage, channels_of
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Geometry, Placement
from jpegcompile.preprocessing.preprocess import Decoder
from jpegcompile.preprocessing.steps import Size
from jpegcompile.runtime.views import placements_of, stacked

if TYPE_CHECKING:
    from PIL import Image


def shown(image: PixelImage, geometry: Geometry, network: Size, decoder: Decoder) -> Doubles:
    """Pixels [H, W, C] that a network is shown, on the 0..255 scale.

    Several views are stacked along a new first axis. All are parts of one resized image.

    Args:
        image: of a file.
        geometry: how it comes to the network's size.
        network: (height, width) of the network's input.
        decoder: see the module's text.

    Raises:
        ImageError: if it does not come to that size.
    """
    placements = placements_of(geometry, image.frame, network)
    if decoder == "float" or placements[0].rows.filter.library != "pillow":
        pixels = image.pixels.astype(np.float64)
        return stacked(geometry, resampled_views(pixels, placements, geometry.fill))
    from PIL import Image

    upright = _upright(image.pixels, placements[0])
    squeezed = upright[..., 0] if upright.shape[2] == 1 else upright
    made = Image.fromarray(np.ascontiguousarray(squeezed))
    # The channels have their order already, and resizing acts on each by itself.
    return stacked(geometry, placed_by_pillow(made, placements, geometry, "RGB"))


def network_tensor(image: PixelImage, taken: NetworkInput, block: int) -> NDArray[np.float32]:
    """One image where a network begins, in its layout, in the jpeg domain at `block`.

    Several views of it are stacked along a new first axis.

    Raises:
        ImageError: if the image does not come to the network's size.
        UsageError: if the network takes tensors.
    """
    _, affine = taken.from_pixels

    pixels = shown(image, taken.geometry, taken.size, taken.decoder)
    channels = np.moveaxis(pixels * affine.scale + affine.shift, -1, -3)
    tensor = to_jpeg(np.ascontiguousarray(channels), block).astype(np.float32)
    return np.moveaxis(tensor, -3, -1) if taken.layout == "NHWC" else tensor


def _upright(pixels: NDArray[np.uint8], placement: Placement) -> NDArray[np.uint8]:
    """Stored pixels turned as the placement says."""
    turned = pixels.swapaxes(0, 1) if placement.is_transposed else pixels
    if placement.rows.is_mirrored:
        turned = turned[::-1]
    return turned[:, ::-1] if placement.columns.is_mirrored else turned


def placed_by_pillow(
    image: Image.Image, placements: Sequence[Placement], geometry: Geometry, color: Color
) -> list[Doubles]:
    """An upright image resized once; each view cropped, filled and flipped, as people write it.

    Args:
        image: of mode "L" or "RGB".
        placements: of the upright image, one for each view.
        geometry: that they come from.
        color: order of the channels that are wanted.

    Returns:
        For each view [rows, columns, channels] on the 0..255 scale.
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
    rows, columns = placements[0].rows, placements[0].columns
    size = (columns.target, rows.target)
    if image.size != size:
        image = image.resize(size, filters[rows.filter.name])
    pixels = channels_of(image, color)
    return [_cut(pixels, placement, geometry.fill) for placement in placements]


def _cut(pixels: NDArray[Any], placement: Placement, fill: Sequence[float]) -> Doubles:
    """What a view shows of a resized image [H, W, C]."""
    rows, columns = placement.rows, placement.columns
    seen = np.empty((rows.length, columns.length, pixels.shape[2]))
    seen[...] = fill
    inside = [_overlap(axis.start, axis.length, axis.target) for axis in (rows, columns)]
    (from_rows, to_rows), (from_columns, to_columns) = inside
    seen[to_rows, to_columns] = pixels[from_rows, from_columns]
    return seen[:, ::-1] if columns.is_flipped else seen


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """Where [start, start + length) meets [0, size): within the latter, and within the former."""
    first, last = max(start, 0), max(min(start + length, size), max(start, 0))
    return slice(first, last), slice(first - start, last - start)
