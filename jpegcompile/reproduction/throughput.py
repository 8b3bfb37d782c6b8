"""Images per second of both pipelines on this machine, in interleaved rounds.

The idle threads of sessions do not spin, because they would take processor time from the other
pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import CheckFailedError
from jpegcompile.evaluation.benchmark.rounds import Measurement, interleaved, timed
from jpegcompile.evaluation.compare import Scores
from jpegcompile.jpeg.read import image_bytes
from jpegcompile.messages import Message
from jpegcompile.processors import available_processors
from jpegcompile.progress import Advance
from jpegcompile.reproduction.pipelines import ScorePipeline, jpeg_scores, spatial_scores
from jpegcompile.reproduction.subject import Subject

ROUNDS = 9
SPATIAL, JPEG = "spatial", "jpeg"
_BATCHES = (1, 32)
# Tolerance between two runs of one model, as a fraction of the largest score.
_RELATIVE_TOLERANCE = 1e-5
# Limits of a round. A batch has a fixed cost, so small batches need fewer images for stable times.
_MOST_IMAGES = 128
_MOST_SMALL_BATCHES = 64


@dataclass(frozen=True)
class BatchThroughput:
    """The throughput of both pipelines at one batch size.

    Attributes:
        batch: images in a batch.
        images: images that a round runs.
        spatial: images per second in each round, with Pillow and the original model.
        jpeg: images per second in each round, with entropy decoding and the compiled model.
    """

    batch: int
    images: int
    spatial: tuple[float, ...]
    jpeg: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Speedup of the JPEG pipeline: median over the rounds."""
        return median(jpeg / spatial for jpeg, spatial in zip(self.jpeg, self.spatial, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data: medians and the values of each round."""
        return {
            "batch": self.batch,
            "images": self.images,
            "spatial": median(self.spatial),
            "jpeg": median(self.jpeg),
            "ratio": self.ratio,
            "spatial_rounds": list(self.spatial),
            "jpeg_rounds": list(self.jpeg),
        }


@dataclass(frozen=True)
class Throughput:
    """The throughput at all batch sizes, and its conditions.

    Attributes:
        cpus: processors that the process may use.
        threads: threads of ONNX Runtime and of reading, in both pipelines.
        rounds: rounds of each measurement.
        agreement: fraction of the images on which both pipelines predict the same class.
        timings: throughput of each batch size.
    """

    cpus: int
    threads: int
    rounds: int
    agreement: float
    timings: tuple[BatchThroughput, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data, in images per second."""
        return {
            "cpus": self.cpus,
            "threads": self.threads,
            "rounds": self.rounds,
            "agreement": self.agreement,
            "timings": [timing.to_json() for timing in self.timings],
        }


def round_images(subject: Subject) -> dict[int, int]:
    """Return the number of images in a round, by batch size.

    A fixed-batch model is measured at its own batch size only.
    """
    available = len(subject.images.files)
    batches = _BATCHES if subject.fixed_batch is None else (subject.fixed_batch,)
    counts = {}
    for batch in batches:
        whole = min(_MOST_IMAGES, _MOST_SMALL_BATCHES * batch, available) // batch * batch
        # Fewer images than a batch form one smaller batch, which a fixed-batch model pads.
        counts[min(batch, available)] = whole or available
    return counts


def image_runs(subject: Subject, rounds: int = ROUNDS) -> int:
    """Return the number of images that `throughput` runs in total, for its progress."""
    return 2 * (rounds + 1) * sum(round_images(subject).values())


def throughput(
    subject: Subject,
    scores: Scores,
    threads: int,
    rounds: int = ROUNDS,
    progress: Advance | None = None,
) -> Throughput:
    """Measure both pipelines, after a check of their scores.

    Args:
        subject: models and images; its session has `threads` threads.
        scores: scores of the images of `subject`.
        threads: threads of ONNX Runtime and of reading.
        rounds: number of measurements of each pipeline.
        progress: called with the number of images done since the last call.

    Raises:
        CheckFailedError: if the scores of a pipeline differ from the scores of its model.
    """
    timings, same = [], []
    pipelines = {SPATIAL: spatial_scores(subject, threads), JPEG: jpeg_scores(subject)}
    for batch, count in round_images(subject).items():
        chosen = np.linspace(0, len(subject.images.files) - 1, count).round().astype(np.int64)
        files = [bytes(image_bytes(subject.images.files[i])) for i in chosen]
        spatial, jpeg = (_run(pipeline, files, batch) for pipeline in pipelines.values())
        _check(spatial, scores.before[chosen], SPATIAL)
        _check(jpeg, scores.exact[chosen], JPEG)
        same.append(spatial.argmax(axis=1) == jpeg.argmax(axis=1))
        if progress is not None:
            progress(2 * count)
        speeds = _speeds(pipelines, files, batch, rounds, progress)
        timings.append(BatchThroughput(batch, count, **speeds))
    agreement = float(np.concatenate(same).mean())
    return Throughput(available_processors(), threads, rounds, agreement, tuple(timings))


def _speeds(
    pipelines: Mapping[str, ScorePipeline],
    files: Sequence[bytes],
    batch: int,
    rounds: int,
    progress: Advance | None,
) -> dict[str, tuple[float, ...]]:
    """Return the images per second of each pipeline in each round."""

    def measurement(pipeline: ScorePipeline) -> Measurement:
        measure = timed(lambda: _run(pipeline, files, batch))

        def measured() -> float:
            seconds = measure()
            if progress is not None:
                progress(len(files))
            return seconds

        return measured

    found = interleaved({n: measurement(p) for n, p in pipelines.items()}, rounds)
    return {
        name: tuple(len(files) / seconds for seconds in of) for name, of in found.seconds.items()
    }


def _run(pipeline: ScorePipeline, files: Sequence[bytes], batch: int) -> NDArray[Any]:
    """Return the scores of all files, run in batches."""
    parts = [pipeline(files[start : start + batch]) for start in range(0, len(files), batch)]
    return np.concatenate(parts)


def _check(actual: NDArray[Any], expected: NDArray[Any], name: str) -> None:
    """Compare the scores of a pipeline with the scores of its model.

    Raises:
        CheckFailedError: if they differ.
    """
    deviation = float(np.abs(actual.astype(np.float64) - expected).max())
    allowed = _RELATIVE_TOLERANCE * float(np.abs(expected).max())
    # The comparison also refuses NaN.
    if not deviation <= allowed:
        raise CheckFailedError(
            Message(
                "paper-scores-differ",
                f"the scores of the {name} pipeline differ by {deviation:.3g}, more than"
                f" {allowed:.3g}; find the cause with jpegcompile verify",
            )
        )
