"""Warn if a network is no better than chance on labelled images.

The usual causes are labels in another order and a wrong preprocessing. Both models are then equally
wrong, so the comparison itself looks fine.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from jpegcompile.messages import Message

# Significance level of each of the two one-sided tests.
_SIGNIFICANCE = 0.05
# A useful network exceeds chance by this fraction, or by half of the remaining images if less.
_MARGIN = 0.1

ADVICE = (
    "check --preprocess, and --labels: without it classes are numbered in the sorted order of the"
    " folder names"
)


def chance_of(labels: Iterable[int] | Mapping[int, int], classes: int) -> float:
    """Return the fraction of images that a constant answer gets right.

    The constant answer is the most frequent class. If all images have one class, a constant answer
    would always be right, so the result is one divided by the number of classes instead.

    Args:
        labels: class of each image, or the number of images of each class.
        classes: number of classes of the network.
    """
    counts = Counter(labels)
    if len(counts) == 1:
        return 1 / max(classes, 1)
    return counts.most_common(1)[0][1] / counts.total()


def is_no_better_than_chance(right: int, images: int, chance: float) -> bool:
    """Whether exact binomial tests say that a network does no better than `chance`.

    Two conditions must hold: the number of correct predictions is likely by chance, and it is
    unlikely for a network that is clearly better than chance. With few images the second condition
    does not hold.

    Args:
        right: number of images that are predicted correctly.
        images: number of images.
        chance: fraction of correct predictions by chance.
    """
    if not 0 < chance < 1:
        return False
    useful = min(chance + _MARGIN, (1 + chance) / 2)
    by_luck = 1 - at_most(right - 1, images, chance)
    return by_luck > _SIGNIFICANCE and at_most(right, images, useful) <= _SIGNIFICANCE


def at_most(successes: int, trials: int, probability: float) -> float:
    """Return the probability of at most `successes` in independent trials (binomial distribution).

    Args:
        successes: the largest number that counts.
        trials: number of trials.
        probability: probability of a success.
    """
    if successes < 0:
        return 0.0
    count = np.arange(min(successes, trials) + 1)
    # Use logarithms, because the coefficients of a few thousand trials overflow float64.
    steps = np.log(trials - count[:-1]) - np.log(count[1:])
    coefficients = np.concatenate([[0.0], np.cumsum(steps)])
    logs = (
        coefficients + count * math.log(probability) + (trials - count) * math.log1p(-probability)
    )
    return min(float(np.exp(logs).sum()), 1.0)


def chance_warning(
    right: int,
    labels: Sequence[int] | Mapping[int, int],
    folders: int | None,
    classes: int,
) -> Message | None:
    """Return a warning about an original that is no better than chance; None if it is better.

    Args:
        right: number of images that the original predicts correctly.
        labels: class of each image, or the number of images of each class.
        folders: number of folders that were numbered in the sorted order of their names; None if
            labels were given.
        classes: number of classes of the network.
    """
    chance, images = chance_of(labels, classes), Counter(labels).total()
    if not is_no_better_than_chance(right, images, chance):
        return None
    more = ""
    if folders is not None and folders != classes:
        here = "1 folder" if folders == 1 else f"{folders} folders"
        more = f" ({here} here, {classes} classes in the model)"
    text = (
        f"the original is right on {100 * right / images:.2f} % of {images} images, no better than"
        f" chance ({100 * chance:.2f} %); {ADVICE}{more}"
    )
    return Message("no-better-than-chance", text)
