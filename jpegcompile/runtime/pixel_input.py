"""Turn pixels that Pillow decoded into a network's input.

    decoder "float":          uint8 pixels -> resize in floating point -> normalize -> block DCT
    decoder "libjpeg-turbo":  uint8 pixels -> Pillow's 8-bit resize    -> normalize -> block DCT

Filters of libraries other than Pillow run in floating point with both decoders.
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
    """Return the pixels of an image at the network's size, on the 0..255 scale.

    All views are parts of one resized image.

    Args:
        image: image of a file.
        geometry: geometry of the preprocessing.
        network: (height, width) of the network's input.
        decoder: see the module docstring.

    Returns:
        [H, W, C]; with several views [views, H, W, C].

    Raises:
        ImageError: if the geometry cannot bring the image to that size.
    """
    placements = placements_of(geometry, image.frame, network)
    if decoder == "float" or placements[0].rows.filter.library != "pillow":
        pixels = image.pixels.astype(np.float64)
        return stacked(geometry, resampled_views(pixels, placements, geometry.fill))
    from PIL import Image

    upright = _upright(image.pixels, placements[0])
    squeezed = upright[..., 0] if upright.shape[2] == 1 else upright
    made = Image.fromarray(np.ascontiguousarray(squeezed))
    # The channels are already in order, and the resize treats them separately.
    return stacked(geometry, placed_by_pillow(made, placements, geometry, "RGB"))


def network_tensor(image: PixelImage, taken: NetworkInput, block: int) -> NDArray[np.float32]:
    """Return one image at the input of a network, in the JPEG domain.

    Args:
        image: image of a file.
        taken: image input of the network.
        block: block size; 1 for pixels.

    Returns:
        One image in the network's layout; with several views [views, ...].

    Raises:
        ImageError: if the geometry cannot bring the image to the network's size.
        UsageError: if the network was compiled for tensors.
    """
    _, affine = taken.from_pixels

    pixels = shown(image, taken.geometry, taken.size, taken.decoder)
    channels = np.moveaxis(pixels * affine.scale + affine.shift, -1, -3)
    tensor = to_jpeg(np.ascontiguousarray(channels), block).astype(np.float32)
    return np.moveaxis(tensor, -3, -1) if taken.layout == "NHWC" else tensor


def _upright(pixels: NDArray[np.uint8], placement: Placement) -> NDArray[np.uint8]:
    """Apply the orientation of a placement to stored pixels."""
    turned = pixels.swapaxes(0, 1) if placement.is_transposed else pixels
    if placement.rows.is_mirrored:
        turned = turned[::-1]
    return turned[:, ::-1] if placement.columns.is_mirrored else turned


def placed_by_pillow(
    image: Image.Image, placements: Sequence[Placement], geometry: Geometry, color: Color
) -> list[Doubles]:
    """Resize an upright image once with Pillow, then crop, fill and flip each view.

    Args:
        image: image of mode "L" or "RGB".
        placements: placement of the upright image for each view.
        geometry: geometry of the placements.
        color: order of the channels in the result.

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
    """Return one view of a resized image [H, W, C]."""
    rows, columns = placement.rows, placement.columns
    seen = np.empty((rows.length, columns.length, pixels.shape[2]))
    seen[...] = fill
    inside = [_overlap(axis.start, axis.length, axis.target) for axis in (rows, columns)]
    (from_rows, to_rows), (from_columns, to_columns) = inside
    seen[to_rows, to_columns] = pixels[from_rows, from_columns]
    return seen[:, ::-1] if columns.is_flipped else seen


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """Intersect [start, start + length) with [0, size).

    Returns:
        The intersection relative to 0, and relative to `start`.
    """
    first, last = max(start, 0), max(min(start + length, size), max(start, 0))
    return slice(first, last), slice(first - start, last - start)
