"""Preprocessing for a network that runs at another size than the size it was trained at.

A resize to the network's size needs no change. Sizes in the description (such as a resize to 256,
or a crop at a given pixel) are scaled like the network's size. If the description has no resize,
because files have the network's size, a resize to the new size is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.steps import Crop, Filter, Resize, Size


def scaled(preprocess: Preprocess, trained: Size, size: Size) -> Preprocess:
    """Return the preprocessing for a network that runs at another size.

    Args:
        preprocess: preprocessing at the trained size.
        trained: (height, width) that the network was trained at.
        size: (height, width) that the network runs at.

    Raises:
        UsageError: if the preprocessing crops images without resizing them.
    """
    # The integer decode supports the filters of Pillow only.
    is_float = preprocess.decoder == "float"
    geometry = _scaled(preprocess.geometry, trained, size, is_float=is_float)
    return replace(preprocess, geometry=geometry)


def _scaled(geometry: Geometry, trained: Size, size: Size, *, is_float: bool) -> Geometry:
    if geometry.resize is None:
        if geometry.crop is not None:
            raise UsageError(
                Message(
                    "resolution-crop-without-resize",
                    "--resolution: the preprocessing crops images without resizing them, so a"
                    ' smaller network would see less of each image; add a "resize" to it',
                )
            )
        chosen = _filter(trained, size) if is_float else Filter()
        return replace(geometry, resize=Resize("exact", None, filter=chosen))
    resize, crop = _resize(geometry.resize, trained, size), geometry.crop
    if crop is not None:
        before, after = _least(geometry.resize, trained), _least(resize, size)
        then, now = zip(before, trained, strict=True), zip(after, size, strict=True)
        crop = _crop(crop, list(then), list(now))
    return replace(geometry, resize=resize, crop=crop)


def _filter(trained: Size, size: Size) -> Filter:
    """Return the "dct" filter if it can produce `size`, otherwise Pillow's bilinear filter."""
    eighths = {8 * new / old for old, new in zip(trained, size, strict=True)}
    is_dct = all(m == int(m) and 1 <= m <= 8 for m in eighths)
    return Filter("dct", "jpegcompile") if is_dct else Filter()


def _resize(resize: Resize, trained: Size, size: Size) -> Resize:
    """Scale a resize; round down, like a short side divided by a crop ratio."""
    if resize.size is None:
        return resize
    if isinstance(resize.size, tuple):
        height, width = (
            max(side * new // old, 1)
            for side, old, new in zip(resize.size, trained, size, strict=True)
        )
        return replace(resize, size=(height, width))
    # The larger of the two ratios keeps the crop inside the image.
    sides = (resize.size * new // old for old, new in zip(trained, size, strict=True))
    return replace(resize, size=max(*sides, 1))


def _least(resize: Resize, network: Size) -> Size:
    """Return a lower bound for the (height, width) of resized images; 0 if there is none."""
    if resize.fit in ("pad", "long"):
        return 0, 0
    if isinstance(resize.size, int):
        return resize.size, resize.size
    return resize.size_of(network, network)


def _crop(crop: Crop, trained: Sequence[Size], scaled: Sequence[Size]) -> Crop:
    """Scale a crop. A crop inside the image stays inside, whatever the rounding.

    Args:
        crop: crop at the trained size.
        trained: for rows and for columns, pixels of the resized image and of the network's input at
            the trained size.
        scaled: the same at the other size.
    """
    if crop.size is not None:
        (_, height), (_, width) = scaled
        crop = replace(crop, size=(height, width))
    if isinstance(crop.position, str):
        return crop
    top, left = map(_start, crop.position, trained, scaled)
    return replace(crop, position=(top, left))


def _start(place: int, trained: Size, scaled: Size) -> int:
    (before, old), (after, new) = trained, scaled
    start = round(place * new / old)
    is_inside = 0 <= place <= before - old
    return min(start, after - new) if is_inside else start
