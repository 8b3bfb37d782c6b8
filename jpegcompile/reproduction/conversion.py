"""The effect of compiling with all frequencies: float rounding only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from jpegcompile.evaluation.compare import Scores, check_scores, score_files
from jpegcompile.progress import Advance
from jpegcompile.reproduction.subject import Subject


@dataclass(frozen=True)
class Conversion:
    """The original model compared with the model compiled with all 15 frequencies.

    Attributes:
        top1_pillow: accuracy of the original with Pillow's decode.
        top1_float: accuracy of the original with the float decode.
        top1_compiled: accuracy of the compiled model.
        largest_deviation: conversion error: largest absolute difference between a score of the
            compiled model and of the original with the float decode.
        mean_deviation: mean of the absolute differences.
        largest_score: largest magnitude of the original's scores.
        agreement: fraction of images on which the compiled model and the original with the float
            decode predict the same class.
        agreement_pillow: fraction of images on which the compiled model and the original with
            Pillow's decode predict the same class.
    """

    top1_pillow: float
    top1_float: float
    top1_compiled: float
    largest_deviation: float
    mean_deviation: float
    largest_score: float
    agreement: float
    agreement_pillow: float

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)


def conversion_scores(subject: Subject, progress: Advance | None = None) -> Scores:
    """Return the scores of both models for every image.

    Args:
        subject: models and images.
        progress: called with the number of images done since the last call.

    Raises:
        UsageError: if the output is not a score vector, or a label is out of range.
        ImageError: if an image is damaged or has another size.
        AccessError: if an image cannot be read.
    """
    images = subject.images
    last = 0

    def advance(done: int, total: int) -> None:
        nonlocal last
        if progress is not None:
            progress(done - last)
        last = done

    scores = score_files(subject.session, subject.source, images.files, subject.output, advance)
    check_scores(scores.before, subject.output, len(images.files), images.labels)
    return scores


def conversion(subject: Subject, scores: Scores) -> Conversion:
    """Return accuracies and deviations of the scores of `conversion_scores`."""
    labels = np.asarray(subject.images.labels)
    pillow, exact, compiled = (
        values.argmax(axis=1) for values in (scores.before, scores.exact, scores.after)
    )
    deviation = np.abs(scores.after.astype(np.float64) - scores.exact.astype(np.float64))
    return Conversion(
        top1_pillow=float(np.mean(pillow == labels)),
        top1_float=float(np.mean(exact == labels)),
        top1_compiled=float(np.mean(compiled == labels)),
        largest_deviation=float(deviation.max()),
        mean_deviation=float(deviation.mean()),
        largest_score=float(np.abs(scores.exact).max()),
        agreement=float(np.mean(exact == compiled)),
        agreement_pillow=float(np.mean(pillow == compiled)),
    )
