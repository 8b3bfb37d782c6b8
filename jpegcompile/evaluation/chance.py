"""Whether a network does any better than chance on labelled images, and what to say if it does not.

The usual causes are labels in another order and another preprocessing. Both leave everything else
as it is, so that a comparison of two equally wrong models looks fine.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

# One-sided, of each of the two tests.
_SIGNIFICANCE = 0.05
# What a network of any use is right on beyond chance at least; half of the rest, if that is less.
_MARGIN = 0.1

ADVICE = (
    "check --preprocess, and --labels: without it classes are numbered in the sorted order of the"
    " folder names"
)


def chance_of(labels: Sequence[int], classes: int) -> float:
    """Fraction of images that are right by luck.

    Whoever names the most frequent class for every image is right that often. Of images of one
    class alone that would be all, so they count as one guess among all classes.

    Args:
        labels: of the images.
        classes: that the network tells apart.
    """
    counts = Counter(labels)
    if len(counts) == 1:
        return 1 / max(classes, 1)
    return counts.most_common(1)[0][1] / len(labels)


def is_no_better_than_chance(right: int, images: int, chance: float) -> bool:
    """Whether exact binomial tests say that a network does no better than `chance`.

    So many right images must be likely by chance (they are not significantly more), and unlikely
    for a network that is clearly better than chance. With few images the second does not hold, and
    nothing is said.

    Args:
        right: images that are predicted rightly.
        images: number of images.
        chance: fraction that is right by luck.
    """
    if not 0 < chance < 1:
        return False
    useful = min(chance + _MARGIN, (1 + chance) / 2)
    by_luck = 1 - at_most(right - 1, images, chance)
    return by_luck > _SIGNIFICANCE and at_most(right, images, useful) <= _SIGNIFICANCE


def at_most(successes: int, trials: int, probability: float) -> float:
    """Probability of so many successes or fewer, of independent trials (binomial distribution)."""
    if successes < 0:
        return 0.0
    count = np.arange(min(successes, trials) + 1)
    # Logarithms: the coefficients of some thousand trials are beyond float64.
    steps = np.log(trials - count[:-1]) - np.log(count[1:])
    coefficients = np.concatenate([[0.0], np.cumsum(steps)])
    logs = (
        coefficients + count * math.log(probability) + (trials - count) * math.log1p(-probability)
    )
    return min(float(np.exp(logs).sum()), 1.0)


def chance_warning(
    right: int, labels: Sequence[int], folders: int | None, classes: int
) -> str | None:
    """What to say of an original that does no better than chance; None if it does, or may do.

    Args:
        right: images that the original predicts rightly.
        labels: of the images.
        folders: that were numbered in the order of their names; None if labels were given.
        classes: that the network tells apart.
    """
    chance = chance_of(labels, classes)
    if not is_no_better_than_chance(right, len(labels), chance):
        return None
    more = ""
    if folders is not None and folders != classes:
        here = "1 folder" if folders == 1 else f"{folders} folders"
        more = f" ({here} here, {classes} classes in the model)"
    return (
        f"the original is right on {100 * right / len(labels):.2f} % of {len(labels)} images, no"
        f" better than chance ({100 * chance:.2f} %); {ADVICE}{more}"
    )
