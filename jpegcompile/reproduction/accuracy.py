"""Accuracy by the number of frequencies, without retraining."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.frequencies import ALL
from jpegcompile.frequency_plan import MASKINGS, FrequencyPlan, NodeFrequencies
from jpegcompile.progress import Advance
from jpegcompile.reproduction.subject import Subject
from jpegcompile.search.interval import CONFIDENCE, PairedCounts
from jpegcompile.search.probe import Probe

SERIES = ("asm", "apx", "truncated")


@dataclass(frozen=True)
class AccuracyByFrequencies:
    """Correct predictions of the exact model and its approximations on the same images.

    Attributes:
        exact: top-1 of the compiled model with all frequencies.
        asm, apx: counts relative to the exact model, with 1 to 15 mask frequencies in every
            nonlinearity.
        truncated: counts with exact masks and 1 to 15 kept frequencies; not an experiment of the
            paper.
    """

    exact: float
    asm: tuple[PairedCounts, ...]
    apx: tuple[PairedCounts, ...]
    truncated: tuple[PairedCounts, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data: changes in percentage points, with two-sided intervals."""
        rows = {
            series: [_row(number, counts) for number, counts in enumerate(getattr(self, series), 1)]
            for series in SERIES
        }
        return {"exact": self.exact, "confidence": CONFIDENCE, **rows}


def accuracy_by_frequencies(
    subject: Subject,
    exact: NDArray[np.bool_],
    folder: Path,
    progress: Advance | None = None,
) -> AccuracyByFrequencies:
    """Measure frequency plans with the same numbers in all nodes.

    Args:
        subject: model, images and options.
        exact: for each image, whether the exact model predicts it correctly.
        folder: folder for temporary compiled files.
        progress: called with the number of images done since the last call.
    """
    labels = np.asarray(subject.images.labels)
    probes = {relu: Probe(subject.model, folder, relu, **subject.options) for relu in MASKINGS}

    def sweep(plans: Iterable[FrequencyPlan]) -> tuple[PairedCounts, ...]:
        points = []
        for plan in plans:
            probe = probes[plan.masking]
            scores = probe.scores(subject.images.files, plan, subject.output, progress)
            points.append(PairedCounts.of(exact, scores.argmax(axis=1) == labels))
        return tuple(points)

    numbers = range(1, ALL + 1)
    return AccuracyByFrequencies(
        float(exact.mean()),
        asm=sweep(FrequencyPlan("asm", NodeFrequencies(mask=n)) for n in numbers),
        apx=sweep(FrequencyPlan("apx", NodeFrequencies(mask=n)) for n in numbers),
        truncated=sweep(FrequencyPlan("asm", NodeFrequencies(keep=n)) for n in numbers),
    )


def _row(frequencies: int, counts: PairedCounts) -> dict[str, Any]:
    """Return JSON-ready data of one number of frequencies."""
    low, high = counts.interval()
    return {
        "frequencies": frequencies,
        "top1": counts.after,
        "lost": counts.lost,
        "gained": counts.gained,
        "change": 100 * counts.change,
        "interval": [100 * low, 100 * high],
    }
