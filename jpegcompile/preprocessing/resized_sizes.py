"""Sizes of resized images, by the rules of other libraries.

All functions take the (height, width) of an image in pixels and return the (height, width) of the
resized image.
"""

from __future__ import annotations

Size = tuple[int, int]


def with_short_side(image: Size, side: int) -> Size:
    """Resize the short side to `side`, like torchvision's Resize and Hugging Face's shortest_edge.

    The long side is rounded down.
    """
    height, width = image
    if width <= height:
        return int(side * height / width), side
    return side, int(side * width / height)


def keeping_ratio(image: Size, size: Size, covers: bool) -> Size:
    """Return the resized size of an image whose aspect ratio is kept, as timm's ResizeKeepRatio.

    Args:
        image: (height, width) of the image.
        size: (height, width) to cover or to fit into.
        covers: whether the resized image covers `size`; otherwise it fits into `size`.
    """
    ratios = [side / wanted for side, wanted in zip(image, size, strict=True)]
    ratio = min(ratios) if covers else max(ratios)
    return round(image[0] / ratio), round(image[1] / ratio)


def contained(image: Size, most: Size) -> Size:
    """Return the largest size of an image that fits into `most`, as Pillow's ImageOps.contain."""
    height, width = image
    ratio, wanted = width / height, most[1] / most[0]
    if ratio > wanted:
        return round(height / width * most[1]), most[1]
    if ratio < wanted:
        return most[0], round(width / height * most[0])
    return most
