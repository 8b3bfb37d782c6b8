"""Random crops and flips: the placement of an image in an epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from jpegcompile.data.augmentation.draws import Draws, between, whole_between
from jpegcompile.data.augmentation.record import Augmentation
from jpegcompile.jpeg.frame import Frame, ceil_div
from jpegcompile.preprocessing.geometry import AxisPlacement, Geometry, Placement
from jpegcompile.preprocessing.steps import DCT_BLOCK, Crop, Filter, Resize, Size

# Attempts of torchvision's RandomResizedCrop to find a box inside the image.
_ATTEMPTS = 10

# Top, left, height and width in pixels of the displayed image.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Choice:
    """A random crop and flip.

    Attributes:
        is_flipped: whether left and right are exchanged.
        corner: (top, left) of the crop in the resized image; None for the preprocessing's crop.
        box: the box that is resized to the network's size; None for the whole image.
    """

    is_flipped: bool = False
    corner: Size | None = None
    box: Box | None = None


def random_choice(
    frame: Frame, geometry: Geometry, network: Size, augmentation: Augmentation, draws: Draws
) -> Choice:
    """Return the random crop and flip of an image.

    Args:
        frame: frame of the image's file.
        geometry: geometry of the preprocessing, with one view.
        network: (height, width) of the network's input.
        augmentation: which random changes there are.
        draws: random numbers of the image.
    """
    is_flipped = augmentation.flip > 0 and draws.uniform("flip", 1)[0] < augmentation.flip
    if augmentation.scale is not None:
        return Choice(is_flipped, None, random_box(geometry.displayed(frame), augmentation, draws))
    if augmentation.crop is None:
        return Choice(is_flipped)
    return Choice(is_flipped, _random_corner(frame, geometry, network, augmentation, draws))


def chosen_placement(frame: Frame, geometry: Geometry, network: Size, choice: Choice) -> Placement:
    """Return the placement of an image by a choice; other arguments are as for `random_choice`.

    Raises:
        ImageError: as `Geometry.place`.
    """
    if choice.is_flipped:
        geometry = replace(geometry, flip=not geometry.flip)
    if choice.box is not None:
        return boxed_placement(frame, geometry, network, choice.box)
    if choice.corner is not None:
        geometry = replace(geometry, crop=Crop(position=choice.corner))
    return geometry.place(frame, network)


def _random_corner(
    frame: Frame, geometry: Geometry, network: Size, augmentation: Augmentation, draws: Draws
) -> Size:
    """Return (top, left) of a crop in the resized image."""
    assert augmentation.crop is not None
    image = geometry.displayed(frame)
    resized = image if geometry.resize is None else geometry.resize.size_of(image, network)
    top, left = (
        _random_start(number, side, wanted, augmentation.crop, augmentation.aligned)
        for number, side, wanted in zip(draws.uniform("crop", 2), resized, network, strict=True)
    )
    return top, left


def _random_start(number: float, side: int, wanted: int, padding: int, aligned: bool) -> int:
    """Return where a crop of `wanted` pixels begins on an axis of `side` pixels."""
    ends = (-padding, side + padding - wanted)
    low, high = min(ends), max(ends)
    if not aligned:
        return whole_between(number, low, high)
    first = ceil_div(low, DCT_BLOCK)
    return DCT_BLOCK * whole_between(number, first, max(first, high // DCT_BLOCK))


def random_box(image: Size, augmentation: Augmentation, draws: Draws) -> Box:
    """Return a random box like torchvision's RandomResizedCrop.get_params.

    Args:
        image: (height, width) of the displayed image.
        augmentation: ranges of area and ratio.
        draws: random numbers of the image.
    """
    assert augmentation.scale is not None
    height, width = image
    least, most = augmentation.ratio
    for attempt in range(_ATTEMPTS):
        area, shape, down, across = draws.uniform(f"box {attempt}", 4)
        pixels = height * width * between(area, *augmentation.scale)
        ratio = math.exp(between(shape, math.log(least), math.log(most)))
        tall, wide = round(math.sqrt(pixels / ratio)), round(math.sqrt(pixels * ratio))
        if 0 < tall <= height and 0 < wide <= width:
            top, left = (
                whole_between(down, 0, height - tall),
                whole_between(across, 0, width - wide),
            )
            return top, left, tall, wide
    tall, wide = height, width
    if width / height < least:
        tall = max(1, round(width / least))
    elif width / height > most:
        wide = max(1, round(height * most))
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def boxed_placement(frame: Frame, geometry: Geometry, network: Size, box: Box) -> Placement:
    """Return the placement of a box of an image, resized to the network's size.

    The box is cropped before the resize, so the filter reads no pixels outside of the box.

    Args:
        frame: frame of the image's file.
        geometry: geometry of the preprocessing. Its filter resizes the box; its crop is ignored.
        network: (height, width) of the network's input.
        box: a box inside the displayed image.

    Raises:
        ImageError: if the filter cannot resize the box to the network's size.
    """
    top, left, tall, wide = box
    image = geometry.displayed(frame)
    kept = geometry.resize or Resize("exact", network, filter=Filter())
    resize = Resize("exact", network, filter=kept.filter, scaled_decoding=kept.scaled_decoding)
    stored = (wide, tall) if geometry.exchanges_sides(frame.orientation) else (tall, wide)
    part = replace(frame, height=stored[0], width=stored[1])
    placed = replace(geometry, resize=resize, crop=None).place(part, network)
    rows, columns = (
        _after(axis, first, side)
        for axis, first, side in zip((placed.rows, placed.columns), (top, left), image, strict=True)
    )
    return replace(placed, rows=rows, columns=columns)


def _after(axis: AxisPlacement, first: int, side: int) -> AxisPlacement:
    """Move an axis to the displayed pixel `first` of `side` pixels."""
    offset = side - first - axis.source if axis.is_mirrored else first
    return replace(axis, offset=offset)


def random_square(
    network: Size, augmentation: Augmentation, draws: Draws
) -> tuple[slice, slice] | None:
    """Return rows and columns of the square to cut out, or None.

    The center is anywhere in the network's input, and the square ends at its edges (DeVries and
    Taylor, arXiv 1708.04552).

    Args:
        network: (height, width) of the network's input.
        augmentation: size and probability of the square.
        draws: random numbers of the image.
    """
    size = augmentation.cutout
    chance, *centers = draws.uniform("cutout", 3)
    if not size or chance >= augmentation.cutout_probability:
        return None
    spans = []
    for number, side in zip(centers, network, strict=True):
        first = whole_between(number, 0, side - 1) - size // 2
        if augmentation.aligned:
            first = DCT_BLOCK * round(first / DCT_BLOCK)
        spans.append(slice(max(first, 0), max(0, min(first + size, side))))
    return spans[0], spans[1]
