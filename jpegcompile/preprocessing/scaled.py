"""Descriptions of preprocessing for a network that runs at another size than it was trained at.

A resize to the network's size follows by itself. Sizes of the description's own (resize to 256, a
crop at a given pixel) are scaled as the network's size is. Files that were to have the network's
size as they are, are brought to the other size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.steps import Crop, Filter, Resize, Size


def scaled(preprocess: Preprocess, trained: Size, size: Size) -> Preprocess:
    """The preprocessing for a network of `size` that was trained at another one.

    Raises:
        UsageError: if the description crops images without resizing them.
    """
    # The integers of libjpeg-turbo are resized as Pillow does it.
    is_float = preprocess.decoder == "float"
    geometry = _scaled(preprocess.geometry, trained, size, is_float=is_float)
    return replace(preprocess, geometry=geometry)


def _scaled(geometry: Geometry, trained: Size, size: Size, *, is_float: bool) -> Geometry:
    if geometry.resize is None:
        if geometry.crop is not None:
            raise UsageError(
                "--resolution: the preprocessing crops images without resizing them, so a smaller"
                ' network would see less of them; add a "resize" to it'
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
    """The low frequencies of each block where these make the size, else Pillow's bilinear one."""
    eighths = {8 * new / old for old, new in zip(trained, size, strict=True)}
    is_dct = all(m == int(m) and 1 <= m <= 8 for m in eighths)
    return Filter("dct", "jpegcompile") if is_dct else Filter()


def _resize(resize: Resize, trained: Size, size: Size) -> Resize:
    """Rounded down, as a short side that is divided by a crop ratio."""
    if resize.size is None:
        return resize
    if isinstance(resize.size, tuple):
        height, width = (
            max(side * new // old, 1)
            for side, old, new in zip(resize.size, trained, size, strict=True)
        )
        return replace(resize, size=(height, width))
    # The larger of two ratios, so that what is cropped is inside of the image.
    sides = (resize.size * new // old for old, new in zip(trained, size, strict=True))
    return replace(resize, size=max(*sides, 1))


def _least(resize: Resize, network: Size) -> Size:
    """(height, width) that every image is resized to at least; 0 where nothing is certain."""
    if resize.fit in ("pad", "long"):
        return 0, 0
    if isinstance(resize.size, int):
        return resize.size, resize.size
    return resize.size_of(network, network)


def _crop(crop: Crop, trained: Sequence[Size], scaled: Sequence[Size]) -> Crop:
    """What was inside of the image stays inside, where rounding would bring it out.

    Args:
        crop: of the network as it was trained.
        trained: for rows and columns, pixels of the resized image and of the network's input.
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
