"""Confidence intervals of a change in accuracy, measured on the same images before and after."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Halvings of [-1, 1] until a bound is known to the precision of a double.
_STEPS = 60
CONFIDENCE = 0.95


@dataclass(frozen=True)
class PairedCounts:
    """Predictions of two models on the same labelled images.

    Attributes:
        images: labelled images.
        right: that the first model predicts rightly.
        lost: of those, that the second one gets wrong; a mean over models may be fractional, and so
            may the next one.
        gained: that only the second one predicts rightly.
    """

    images: int
    right: int
    lost: float
    gained: float

    @classmethod
    def of(cls, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> PairedCounts:
        """Counts of which images two models predict rightly."""
        return cls(
            images=len(before),
            right=int(before.sum()),
            lost=int(np.sum(before & ~after)),
            gained=int(np.sum(~before & after)),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PairedCounts:
        """The counts of which `to_json` gave this."""
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
        """Accuracy after less accuracy before."""
        return (self.gained - self.lost) / self.images

    def lowest_change(self, confidence: float = CONFIDENCE) -> float:
        """One-sided bound: the change is above it with this confidence."""
        return score_bound(self, NormalDist().inv_cdf(confidence))

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Two-sided interval of the change."""
        quantile = NormalDist().inv_cdf((1 + confidence) / 2)
        return score_bound(self, quantile), score_bound(self, -quantile)

    def refutes(self, max_drop: float) -> bool:
        """Whether the whole interval lies beyond a drop of so many percentage points."""
        _, best = self.interval()
        return -100 * best > max_drop

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data; drops are in percentage points.

        The interval is two-sided; the drop is below the bound with the same confidence.
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
    """Counts of several second models on the same images: what one of them does on average."""
    first = counts[0]
    return PairedCounts(
        first.images,
        first.right,
        fmean(each.lost for each in counts),
        fmean(each.gained for each in counts),
    )


def images_needed(most: float, confidence: float = CONFIDENCE) -> int:
    """Images that show a loss of accuracy to be below `most`, a fraction, if no prediction changes.

    The bound of `PairedCounts.lowest_change` is then -z^2 / (n + z^2).
    """
    square = NormalDist().inv_cdf(confidence) ** 2
    return math.ceil(square * (1 / most - 1))


def smallest_budget(images: int) -> float:
    """The least whole tenth of a percentage point for which so many images are enough."""
    tenths = 1
    while images_needed(tenths / 1000) > images:
        tenths += 1
    return tenths / 10


def is_guessing(right: int, labels: Sequence[int]) -> bool:
    """Whether so many right predictions may come from naming the most frequent class for all.

    Three standard deviations of a binomial above that they do not. Of one class nothing is known.
    """
    count = len(labels)
    chance = Counter(labels).most_common(1)[0][1] / count
    spread = math.sqrt(count * chance * (1 - chance))
    return chance < 1 and right <= count * chance + 3 * spread


def score_bound(counts: PairedCounts, quantile: float) -> float:
    """The change at which Tango's score statistic is `quantile`.

    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998). Unlike the normal interval it keeps its
    coverage where few predictions differ, and does not collapse where none does.
    """
    low, high = -1.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        # The statistic falls as the change that is supposed rises.
        if _score(counts, middle) > quantile:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _score(counts: PairedCounts, change: float) -> float:
    n, gained, lost = counts.images, counts.gained, counts.lost
    # The probability of a loss that is likeliest if the change is as supposed: a root of
    # 2n q^2 + b q + c = 0.
    b = -gained - lost + (2 * n - gained + lost) * change
    c = -lost * change * (1 - change)
    likeliest = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * likeliest + change * (1 - change))
    distance = gained - lost - n * change
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)
