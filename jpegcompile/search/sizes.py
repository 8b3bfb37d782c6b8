"""Candidate resolutions for a search, and preprocessing variants for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.input_size import Size, size_text
from jpegcompile.messages import Message
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.scaled import scaled
from jpegcompile.preprocessing.steps import Filter, Resize

# Sides of candidates are multiples of a block, or of half a block for images below `_SMALL`.
_STEP, _SMALL_STEP, _SMALL = 8, 4, 96
# Smallest candidate, as a fraction of the training size. Smaller images have too little detail.
_SMALLEST = 0.375
# A smaller candidate must save at least this fraction of the time that would be proportional to the
# saved area.
_LEAST_SAVING = 0.4


@dataclass(frozen=True)
class Candidate:
    """A candidate resolution.

    Attributes:
        size: (height, width).
        time: predicted time relative to the training size.
        refused: reason why the candidate is not measured; empty if it is measured.
    """

    size: Size
    time: float
    refused: str = ""


def sizes_below(trained: Size) -> Iterator[Size]:
    """Iterate over smaller sizes of nearly the same aspect ratio, the largest first."""
    short, long = min(trained), max(trained)
    step = _STEP if short >= _SMALL else _SMALL_STEP
    side = (short - 1) // step * step
    while side >= max(_SMALLEST * short, step):
        other = max(round(side * long / short / step) * step, step)
        yield (side, other) if trained[0] <= trained[1] else (other, side)
        side -= step


def candidates(trained: Size, seconds: Callable[[Size], float]) -> list[Candidate]:
    """Return the training size and smaller candidates, the largest first.

    Candidates that save too little time are refused.

    Args:
        trained: training size of the network.
        seconds: returns the predicted time at a size.

    Raises:
        UnsupportedModelError: if the network cannot run at any other size.
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
            reason = Message(
                "resolution-candidate-slow",
                f"is nearly as slow as the larger {size_text(last.size)}",
            )
            found.append(Candidate(size, time, reason))
            continue
        last = Candidate(size, time)
        found.append(last)
    if problems and len(found) == 1:
        raise problems[0]
    return found


def ways_to(preprocess: Preprocess, trained: Size, size: Size) -> Sequence[Preprocess]:
    """Return variants of a preprocessing for another size.

    The first variant is the preprocessing itself. If it crops the resized image, other variants
    crop a larger part. If it does not resize, another variant resizes with another filter.

    Args:
        preprocess: preprocessing for the training size.
        trained: training size.
        size: the other size.

    Returns:
        The variants, as preprocessing for the training size.
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
