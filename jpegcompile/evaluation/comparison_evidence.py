"""Counts and sums that a comparison is computed from, and that can be merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.chance import chance_warning
from jpegcompile.messages import Message
from jpegcompile.results.merging import exact_sum, require_same
from jpegcompile.results.record import Record, Unbounded


@dataclass(frozen=True)
class Accuracy(Record):
    """Fractions of images whose label has the largest, or one of the five largest, scores."""

    top1: float
    top5: float


@dataclass(frozen=True)
class ScoreError(Record):
    """Distance of two models' scores of the same images.

    Attributes:
        largest: largest distance over all images and classes.
        mean: mean distance over all images and classes.
        scale: largest magnitude of a score.
    """

    largest: Unbounded
    mean: Unbounded
    scale: Unbounded

    @classmethod
    def of(cls, actual: NDArray[Any], expected: NDArray[Any]) -> ScoreError:
        """Return the distance of two arrays [images, classes]."""
        apart = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        total = ScoreSum.of(actual, expected)
        largest, scale = apart.max(initial=0.0), np.abs(expected).max(initial=0.0)
        return cls(_number(largest), total.mean, _number(scale))

    def merge(self, other: ScoreError, mean: float) -> ScoreError:
        """Return the distance over the images of both.

        Args:
            other: distance over other images.
            mean: mean distance over the images of both.
        """
        largest, scale = max(self.largest, other.largest), max(self.scale, other.scale)
        return ScoreError(largest, mean, scale)


@dataclass(frozen=True)
class ScoreSum(Record):
    """Sum of the distances of scores, from which the mean of merged results is computed.

    Attributes:
        parts: a few floats whose exact sum is the sum over all images (`exact_sum`). The distances
            of one image are added in float64.
        scores: number of scores.
    """

    parts: tuple[Unbounded, ...]
    scores: int

    def __post_init__(self) -> None:
        """Check the number of scores.

        Raises:
            ValueError: if there are none, which have no mean.
        """
        if self.scores < 1:
            raise ValueError(f"a sum of {self.scores} scores has no mean")

    @classmethod
    def of(cls, actual: NDArray[Any], expected: NDArray[Any]) -> ScoreSum:
        """Return the sum for two arrays [images, classes]."""
        rows = zip(actual.astype(np.float64), expected.astype(np.float64), strict=True)
        sums = [float(np.abs(first - second).sum()) for first, second in rows]
        return cls(exact_sum(sums), actual.size)

    @property
    def mean(self) -> float:
        """Mean distance."""
        return fsum(self.parts) / self.scores

    def merge(self, other: ScoreSum) -> ScoreSum:
        """Return the sum over the images of both."""
        return ScoreSum(exact_sum((*self.parts, *other.parts)), self.scores + other.scores)


@dataclass(frozen=True)
class Hits(Record):
    """Numbers of images whose label has the largest, or one of the five largest, scores."""

    top1: int
    top5: int

    @classmethod
    def of(cls, scores: NDArray[Any], labels: NDArray[Any]) -> Hits:
        """Count the hits of scores [images, classes]."""
        ranked = np.argsort(-scores, axis=1, kind="stable")[:, :5]
        hits = ranked == labels[:, None]
        return cls(int(hits[:, 0].sum()), int(hits.any(axis=1).sum()))

    def merge(self, other: Hits) -> Hits:
        """Return the hits among the images of both."""
        return Hits(self.top1 + other.top1, self.top5 + other.top5)

    def among(self, images: int) -> Accuracy:
        """Return the hits as fractions."""
        return Accuracy(self.top1 / images, self.top5 / images)


@dataclass(frozen=True)
class ComparisonEvidence(Record):
    """Counts and sums that a comparison is computed from, and that can be merged.

    Attributes:
        images: number of images.
        same: number of images with the same prediction, original (Pillow) and compiled.
        same_exact: the same for the original with the decode that the model is compiled for.
        labels: number of images of each class; empty if images have no labels.
        before: hits of the original with Pillow's decode; None without labels.
        exact: hits of the original with the decode that the model is compiled for; None without
            labels.
        after: hits of the compiled model; None without labels.
        conversion: distances of the compiled model's scores from the original's with that decode.
        decoder: distances of the original's scores with that decode from its scores with Pillow's.
        outputs: number of classes of the network.
        is_numbered: whether classes were numbered in the order of the folder names.
    """

    images: int
    same: int
    same_exact: int
    labels: Mapping[int, int]
    before: Hits | None
    exact: Hits | None
    after: Hits | None
    conversion: ScoreSum
    decoder: ScoreSum
    outputs: int
    is_numbered: bool

    def __post_init__(self) -> None:
        """Check the counts.

        Raises:
            ValueError: if they contradict each other.
        """
        hits = [part for part in (self.before, self.exact, self.after) if part is not None]
        counts = [self.same, self.same_exact]
        counts += [count for part in hits for count in (part.top1, part.top5)]
        if self.images < 1 or not all(0 <= count <= self.images for count in counts):
            raise ValueError(f"counts {counts} of {self.images} images are not possible")
        labels = list(self.labels.values())
        if len(hits) != (3 if labels else 0) or (labels and sum(labels) != self.images):
            raise ValueError(f"{sum(labels)} of {self.images} images have labels")

    def merge(self, other: ComparisonEvidence) -> ComparisonEvidence:
        """Return the counts and sums over the images of both.

        Raises:
            UsageError: if only one of them has labels, or the networks differ.
        """
        require_same("the number of classes", self.outputs, other.outputs)
        require_same("whether there are labels", bool(self.labels), bool(other.labels))
        require_same("whether --labels is given", not self.is_numbered, not other.is_numbered)
        classes = sorted({*self.labels, *other.labels})
        return ComparisonEvidence(
            images=self.images + other.images,
            same=self.same + other.same,
            same_exact=self.same_exact + other.same_exact,
            labels={c: self.labels.get(c, 0) + other.labels.get(c, 0) for c in classes},
            before=_merged_hits(self.before, other.before),
            exact=_merged_hits(self.exact, other.exact),
            after=_merged_hits(self.after, other.after),
            conversion=self.conversion.merge(other.conversion),
            decoder=self.decoder.merge(other.decoder),
            outputs=self.outputs,
            is_numbered=self.is_numbered,
        )

    def warning(self, classes: int) -> Message | None:
        """Return the warning about an original that is no better than chance.

        Args:
            classes: number of folders that have a class.
        """
        if self.before is None:
            return None
        folders = classes if self.is_numbered else None
        return chance_warning(self.before.top1, self.labels, folders, self.outputs)


def _merged_hits(first: Hits | None, second: Hits | None) -> Hits | None:
    return None if first is None or second is None else first.merge(second)


def _number(value: Any) -> float:
    """Return a float; infinity in place of NaN, which has no maximum."""
    return float("inf") if np.isnan(value) else float(value)
