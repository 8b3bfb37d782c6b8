"""Accuracy by the number of frequencies, without retraining."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.frequencies import ALL
from jpegcompile.frequency_plan import FrequencyPlan, Masking, NodeFrequencies
from jpegcompile.paper.subject import Subject
from jpegcompile.search.interval import CONFIDENCE, PairedCounts
from jpegcompile.search.probe import Probe

MASKINGS: tuple[Masking, ...] = get_args(Masking)


@dataclass(frozen=True)
class AccuracyByFrequencies:
    """Right predictions of the exact model and of approximations of it, on the same images.

    Attributes:
        exact: top-1 of the compiled model at all frequencies.
        asm, apx: against the exact model, for 1 to 15 frequencies in every nonlinearity.
    """

    exact: float
    asm: tuple[PairedCounts, ...]
    apx: tuple[PairedCounts, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data; changes are in percentage points, intervals two-sided."""
        rows = {
            masking: [_row(number, counts) for number, counts in enumerate(points, 1)]
            for masking, points in (("asm", self.asm), ("apx", self.apx))
        }
        return {"exact": self.exact, "confidence": CONFIDENCE, **rows}


def accuracy_by_frequencies(
    subject: Subject,
    exact: NDArray[np.bool_],
    folder: Path,
    progress: Callable[[int], None] | None = None,
) -> AccuracyByFrequencies:
    """Measure uniform plans.

    Args:
        subject: model, images and options.
        exact: which images the exact model predicts rightly.
        folder: that holds compiled files meanwhile.
        progress: called with the number of images done since the last call.
    """
    asm, apx = (_sweep(subject, exact, folder, masking, progress) for masking in MASKINGS)
    return AccuracyByFrequencies(float(exact.mean()), asm, apx)


def _sweep(
    subject: Subject,
    exact: NDArray[np.bool_],
    folder: Path,
    masking: Masking,
    progress: Callable[[int], None] | None,
) -> tuple[PairedCounts, ...]:
    """One model for all frequencies."""
    probe = Probe(subject.model, folder, masking, **subject.options)
    labels = np.asarray(subject.images.labels)
    points = []
    for frequencies in range(1, ALL + 1):
        plan = FrequencyPlan(masking, NodeFrequencies(mask=frequencies))
        scores = probe.scores(subject.images.files, plan, subject.output, progress)
        points.append(paired(exact, scores.argmax(axis=1) == labels))
    return tuple(points)


def paired(exact: NDArray[np.bool_], approximate: NDArray[np.bool_]) -> PairedCounts:
    """Counts of which images two models predict rightly."""
    return PairedCounts(
        images=len(exact),
        right=int(exact.sum()),
        lost=int(np.sum(exact & ~approximate)),
        gained=int(np.sum(~exact & approximate)),
    )


def _row(frequencies: int, counts: PairedCounts) -> dict[str, Any]:
    low, high = counts.interval()
    return {
        "frequencies": frequencies,
        "top1": counts.after,
        "lost": counts.lost,
        "gained": counts.gained,
        "change": 100 * counts.change,
        "interval": [100 * low, 100 * high],
    }
