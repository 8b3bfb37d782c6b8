"""Images a second of both pipelines on this machine.

A round times one pipeline right after the other, in alternating order, so that whatever else the
machine does meets both. Sessions do not spin: idle threads of one would take time from the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import CheckFailedError
from jpegcompile.evaluation.compare import Scores
from jpegcompile.processors import available_processors
from jpegcompile.reproduction.pipelines import Pipeline, jpeg_pipeline, spatial_pipeline
from jpegcompile.reproduction.subject import Subject

ROUNDS = 9
_BATCHES = (1, 32)
# Images that a round times: a batch has a fixed cost, so small ones give steady times sooner.
# Between two ways to run one model.
_RELATIVE_TOLERANCE = 1e-5
_MOST_IMAGES = 128
_MOST_SMALL_BATCHES = 64


@dataclass(frozen=True)
class Timing:
    """Both pipelines at one batch size.

    Attributes:
        batch: images given at once.
        images: that a round times.
        spatial, jpeg: images a second in each round, of Pillow and the original model and of
            entropy decoding and the compiled model.
    """

    batch: int
    images: int
    spatial: tuple[float, ...]
    jpeg: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times as fast the jpeg pipeline is: median of the rounds."""
        return median(jpeg / spatial for jpeg, spatial in zip(self.jpeg, self.spatial, strict=True))

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data; medians, and the rounds they are of."""
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
    """Timings, and what they were made with.

    Attributes:
        cpus: processors that the process may run on.
        threads: of ONNX Runtime and of reading, in both pipelines.
        rounds: of each timing.
        agreement: fraction of the timed images on which both pipelines predict the same class.
        timings: by batch size.
    """

    cpus: int
    threads: int
    rounds: int
    agreement: float
    timings: tuple[Timing, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data, in images a second."""
        return {
            "cpus": self.cpus,
            "threads": self.threads,
            "rounds": self.rounds,
            "agreement": self.agreement,
            "timings": [timing.to_json() for timing in self.timings],
        }


def round_images(subject: Subject) -> dict[int, int]:
    """Images that a round times, by batch size.

    A model that is bound to one batch size is timed at that alone.
    """
    available = len(subject.images.files)
    batches = _BATCHES if subject.fixed_batch is None else (subject.fixed_batch,)
    counts = {}
    for batch in batches:
        whole = min(_MOST_IMAGES, _MOST_SMALL_BATCHES * batch, available) // batch * batch
        # Fewer images than a batch are a batch of their own; a model with a fixed one fills it up.
        counts[min(batch, available)] = whole or available
    return counts


def runs(subject: Subject, rounds: int = ROUNDS) -> int:
    """Images that `throughput` runs in all, for its progress."""
    return 2 * (rounds + 1) * sum(round_images(subject).values())


def throughput(
    subject: Subject,
    scores: Scores,
    threads: int,
    rounds: int = ROUNDS,
    progress: Callable[[int], None] | None = None,
) -> Throughput:
    """Time both pipelines, after a check of what they give.

    Args:
        subject: its session has as many threads.
        scores: of its images.
        threads: of ONNX Runtime and of reading.
        rounds: how often each pipeline is timed.
        progress: called with the number of images done since the last call.

    Raises:
        CheckFailedError: if a pipeline gives other scores than the model that it runs.
    """
    timings, same = [], []
    with ThreadPoolExecutor(threads) as pool:
        pipelines = (spatial_pipeline(subject, pool, threads), jpeg_pipeline(subject))
        for batch, count in round_images(subject).items():
            chosen = np.linspace(0, len(subject.images.files) - 1, count).round().astype(np.int64)
            files = [subject.images.files[i] for i in chosen]
            spatial, jpeg = (_run(pipeline, files, batch) for pipeline in pipelines)
            _check(spatial, scores.before[chosen], "spatial")
            _check(jpeg, scores.exact[chosen], "jpeg")
            same.append(spatial.argmax(axis=1) == jpeg.argmax(axis=1))
            if progress is not None:
                progress(2 * count)
            speeds = _time(pipelines, files, batch, rounds, progress)
            timings.append(Timing(batch, count, *speeds))
    agreement = float(np.concatenate(same).mean())
    return Throughput(available_processors(), threads, rounds, agreement, tuple(timings))


def _time(
    pipelines: tuple[Pipeline, Pipeline],
    files: Sequence[Path],
    batch: int,
    rounds: int,
    progress: Callable[[int], None] | None,
) -> list[tuple[float, ...]]:
    """Images a second of each pipeline in each round."""
    speeds: list[list[float]] = [[], []]
    for number in range(rounds):
        for index in (0, 1) if number % 2 == 0 else (1, 0):
            start = perf_counter()
            _run(pipelines[index], files, batch)
            speeds[index].append(len(files) / (perf_counter() - start))
            if progress is not None:
                progress(len(files))
    return [tuple(values) for values in speeds]


def _run(pipeline: Pipeline, files: Sequence[Path], batch: int) -> NDArray[Any]:
    parts = [pipeline(files[start : start + batch]) for start in range(0, len(files), batch)]
    return np.concatenate(parts)


def _check(actual: NDArray[Any], expected: NDArray[Any], name: str) -> None:
    deviation = float(np.abs(actual.astype(np.float64) - expected).max())
    allowed = _RELATIVE_TOLERANCE * float(np.abs(expected).max())
    # NaN is not within tolerance either.
    if not deviation <= allowed:
        raise CheckFailedError(
            f"the {name} pipeline's scores are off by {deviation:.3g}, {allowed:.3g} is allowed;"
            " it is not timed: look for the cause with jpegcompile verify"
        )
