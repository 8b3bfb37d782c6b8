"""What `compare` finds: accuracy, distances of scores, and predictions that changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.preprocessing.preprocess import Decoder


@dataclass(frozen=True)
class Accuracy:
    """Fractions of images whose label is the largest, or among the five largest, scores."""

    top1: float
    top5: float


@dataclass(frozen=True)
class Change:
    """An image whose predicted class differs between original (Pillow) and compiled model.

    Attributes:
        file: the image.
        label: its class; None where images have none.
        before: class that the original predicts.
        after: class that the compiled model predicts.
        margin: by how much the original scores the first above the second.
    """

    file: str
    label: int | None
    before: int
    after: int
    margin: float


@dataclass(frozen=True)
class ScoreError:
    """How far scores of the same images are apart.

    Attributes:
        largest: over all images and classes.
        mean: over all images and classes.
        scale: the largest magnitude of a score.
    """

    largest: float
    mean: float
    scale: float

    @classmethod
    def of(cls, actual: NDArray[Any], expected: NDArray[Any]) -> ScoreError:
        """The distance of two arrays of one shape."""
        apart = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        scale = np.abs(expected).max(initial=0.0)
        return cls(float(apart.max(initial=0.0)), float(apart.mean()), float(scale))


@dataclass(frozen=True)
class Comparison:
    """Outcome of `compare`.

    Attributes:
        images: number of images that could be used.
        classes: class index by folder; empty where images have no labels.
        unlabelled: files of folders without a class; "." is for files in no folder.
        ignored: why, for every folder that was passed over, by its path.
        skipped: files that could not be used, and why.
        pixel_fallbacks: how many of the images went through the pixel fallback.
        before: accuracy of the original model with Pillow's decode. This and the next two are None
            where images have no labels.
        exact: of the original model with the decode that the model is compiled for, which separates
            the decoder from the conversion.
        after: of the compiled model.
        agreement: fraction of equal predictions, original (Pillow) and compiled.
        agreement_exact: the same for the original with the decode that the model is compiled for.
        conversion: distance of the scores of the compiled model from the latter's.
        decoder: distance of the latter's scores from those of the original with Pillow.
        changes: every prediction that changed between original (Pillow) and compiled.
        warning: what to check, where the original (Pillow) is no better than chance; else None.
        decode: that the model is compiled for.
    """

    images: int
    classes: dict[str, int]
    unlabelled: dict[str, int]
    ignored: dict[str, str]
    skipped: tuple[Skipped, ...]
    pixel_fallbacks: int
    before: Accuracy | None
    exact: Accuracy | None
    after: Accuracy | None
    agreement: float
    agreement_exact: float
    conversion: ScoreError
    decoder: ScoreError
    changes: tuple[Change, ...]
    warning: str | None
    decode: Decoder = "float"

    @property
    def drop(self) -> float | None:
        """Top-1 lost by compiling, in percentage points; negative if accuracy rose."""
        if self.before is None or self.after is None:
            return None
        return 100.0 * (self.before.top1 - self.after.top1)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {**asdict(self), "drop": self.drop}
