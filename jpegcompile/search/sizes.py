"""Which resolutions are worth a measurement, and in which ways images can come to one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.input_size import Size, size_text
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.scaled import scaled
from jpegcompile.preprocessing.steps import Filter, Resize

# Sides of candidates are multiples: of a block, or of half of one for small images.
_STEP, _SMALL_STEP, _SMALL = 8, 4, 96
# Below this part of the trained size networks see little.
_SMALLEST = 0.375
# Part of what its area promises that a smaller input has to save of the next larger one's time.
_LEAST_SAVING = 0.4


@dataclass(frozen=True)
class Candidate:
    """A resolution that may be measured.

    Attributes:
        size: (height, width).
        time: that the cost model expects, in parts of that at the trained size.
        refused: why it is not measured; empty if it is.
    """

    size: Size
    time: float
    refused: str = ""


def sizes_below(trained: Size) -> Iterator[Size]:
    """Sizes of nearly the same aspect ratio, the largest first."""
    short, long = min(trained), max(trained)
    step = _STEP if short >= _SMALL else _SMALL_STEP
    side = (short - 1) // step * step
    while side >= max(_SMALLEST * short, step):
        other = max(round(side * long / short / step) * step, step)
        yield (side, other) if trained[0] <= trained[1] else (other, side)
        side -= step


def candidates(trained: Size, seconds: Callable[[Size], float]) -> list[Candidate]:
    """The trained size and smaller ones, the largest first, with those that save no time refused.

    Args:
        trained: the size that the network was trained at.
        seconds: that the cost model expects at a size.

    Raises:
        UnsupportedModelError: if the network cannot be run at any other size.
    """
    whole = seconds(trained)
    found = [Candidate(trained, 1.0)]
    problems: list[UnsupportedModelError] = []
    last = found[0]
    for size in sizes_below(trained):
        try:
            time = seconds(size) / whole
        except UnsupportedModelError as error:
            problems.append(error)
            continue
        promised = last.time * (1 - math.prod(size) / math.prod(last.size))
        if last.time - time < _LEAST_SAVING * promised:
            reason = f"takes nearly as long as {size_text(last.size)}, which shows more"
            found.append(Candidate(size, time, reason))
            continue
        last = Candidate(size, time)
        found.append(last)
    if problems and len(found) == 1:
        raise problems[0]
    return found


def ways_to(preprocess: Preprocess, trained: Size, size: Size) -> Sequence[Preprocess]:
    """Descriptions, for the trained size, by which images may come to another one.

    The first one is what the description itself becomes. Others show more of the image, where it
    crops a part of the resized one, or resize it by another filter, where it does not resize.
    """
    geometry = preprocess.geometry
    resize = geometry.resize
    if resize is None:
        first = scaled(preprocess, trained, size)
        other = replace(geometry, resize=Resize("exact", None, filter=Filter("bilinear")))
        second = replace(preprocess, geometry=other)
        return (first,) if first == second else (first, second)
    if resize.fit != "short" or geometry.crop is None or isinstance(resize.size, tuple):
        return (preprocess,)
    ratio = resize.crop_ratio
    if isinstance(resize.size, int):
        ratio = min(max(trained) / resize.size, 1.0)
    others = [r for r in ((1 + ratio) / 2, 1.0) if r > ratio]
    made = [replace(geometry, resize=replace(resize, size=None, crop_ratio=r)) for r in others]
    return (preprocess, *(replace(preprocess, geometry=each) for each in made))
