"""Confidence intervals for the change in accuracy between two models on the same images."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bisections of [-1, 1] that determine a bound to the precision of a double.
_STEPS = 60
CONFIDENCE = 0.95


@dataclass(frozen=True)
class PairedCounts:
    """Predictions of two models on the same labelled images.

    Attributes:
        images: number of images.
        right: number of images that the first model predicts correctly.
        lost: number of images that only the first model predicts correctly. A mean over several
            second models can be fractional.
        gained: number of images that only the second model predicts correctly. It can be
            fractional too.
    """

    images: int
    right: int
    lost: float
    gained: float

    @classmethod
    def of(cls, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> PairedCounts:
        """Count from one flag for each image and model: whether the prediction is correct."""
        return cls(
            images=len(before),
            right=int(before.sum()),
            lost=int(np.sum(before & ~after)),
            gained=int(np.sum(~before & after)),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PairedCounts:
        """Return the counts that `to_json` recorded."""
        right = round(data["before"] * data["images"])
        return cls(data["images"], right, data["lost"], data["gained"])

    @property
    def before(self) -> float:
        """Accuracy of the first model."""
        return self.right / self.images

    @property
    def after(self) -> float:
        """Accuracy of the second model."""
        return (self.right - self.lost + self.gained) / self.images

    @property
    def change(self) -> float:
        """Accuracy of the second model minus accuracy of the first model."""
        return (self.gained - self.lost) / self.images

    def lowest_change(self, confidence: float = CONFIDENCE) -> float:
        """Return the one-sided lower confidence bound of the change."""
        return score_bound(self, NormalDist().inv_cdf(confidence))

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return the two-sided confidence interval of the change."""
        quantile = NormalDist().inv_cdf((1 + confidence) / 2)
        return score_bound(self, quantile), score_bound(self, -quantile)

    def refutes(self, max_drop: float) -> bool:
        """Whether the whole interval is beyond a drop of `max_drop` percentage points."""
        _, best = self.interval()
        return -100 * best > max_drop

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data; drops are in percentage points.

        "interval" is two-sided, "drop_bound" is one-sided, both with the default confidence.
        """
        low, high = self.interval()
        # The sum turns a negative zero into zero.
        drop, least, most = (0.0 - 100 * change for change in (self.change, high, low))
        return {
            "images": self.images,
            "before": self.before,
            "after": self.after,
            "lost": self.lost,
            "gained": self.gained,
            "drop": drop,
            "interval": [least, most],
            "drop_bound": 0.0 - 100 * self.lowest_change(),
        }


def mean_counts(counts: Sequence[PairedCounts]) -> PairedCounts:
    """Return the mean of the counts of several second models on the same images."""
    first = counts[0]
    return PairedCounts(
        first.images,
        first.right,
        fmean(each.lost for each in counts),
        fmean(each.gained for each in counts),
    )


def images_needed(most: float, confidence: float = CONFIDENCE) -> int:
    """Return the number of images that can show that less than `most` accuracy is lost.

    If no prediction changes on n images, the bound of `PairedCounts.lowest_change` is
    -z^2 / (n + z^2).

    Args:
        most: accuracy that may be lost, as a fraction.
        confidence: confidence of the bound.
    """
    square = NormalDist().inv_cdf(confidence) ** 2
    return math.ceil(square * (1 / most - 1))


def smallest_budget(images: int) -> float:
    """Return the smallest budget, in tenths of a percentage point, that `images` can show."""
    tenths = 1
    while images_needed(tenths / 1000) > images:
        tenths += 1
    return tenths / 10


def is_guessing(right: int, labels: Sequence[int]) -> bool:
    """Whether always predicting the most frequent class would explain the correct predictions.

    This is so if their number is at most three standard deviations above the mean of a binomial
    distribution. If all images have the same class, the result is False.

    Args:
        right: number of correct predictions.
        labels: classes of the images.
    """
    count = len(labels)
    chance = Counter(labels).most_common(1)[0][1] / count
    spread = math.sqrt(count * chance * (1 - chance))
    return chance < 1 and right <= count * chance + 3 * spread


def score_bound(counts: PairedCounts, quantile: float) -> float:
    """Return the change at which Tango's score statistic equals `quantile`.

    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998). Unlike the normal interval, this
    interval keeps its coverage if few predictions differ, and has a width if none differ.
    """
    low, high = -1.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        # The statistic decreases as the assumed change increases.
        if _score(counts, middle) > quantile:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _score(counts: PairedCounts, change: float) -> float:
    n, gained, lost = counts.images, counts.gained, counts.lost
    # Maximum likelihood estimate of the probability of a loss under the assumed change: a root of
    # 2n q^2 + b q + c = 0.
    b = -gained - lost + (2 * n - gained + lost) * change
    c = -lost * change * (1 - change)
    likeliest = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * likeliest + change * (1 - change))
    distance = gained - lost - n * change
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)
