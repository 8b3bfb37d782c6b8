"""Whether the smallest change of an image changes the answer: masks of few frequencies are steps.

A pixel whose approximation is within rounding of zero may be kept or masked. Where many such steps
follow each other, one that falls the other way moves others, and the answer is chaotic: machines,
runtimes and orders of summation disagree by as much as different images do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.differences import distances, magnitudes
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.progress import Advance
from jpegcompile.runtime.session import Session

Array = NDArray[Any]

# An image has moved if an output has, by more than this part of its largest magnitude. Rounding
# moves networks without masks by 1e-5 at most.
MOVE = 0.01
# A model is chaotic if more than this part of the images moves: "a few in a thousand" are not.
MOST_MOVED = 0.05
# Changes of the image that are tried.
_TRIALS = 2
_SEED = 0


@dataclass(frozen=True)
class Stability:
    """What a change of one unit in the last place of every number of the image does.

    Attributes:
        images: that were changed.
        moved: of them, those of which an output moved by more than `MOVE` of its largest magnitude.
        largest: the largest move of any output, as a fraction of its largest magnitude.
    """

    images: int
    moved: int
    largest: float

    @property
    def share(self) -> float:
        """The part of the images that moved."""
        return self.moved / self.images

    @property
    def is_chaotic(self) -> bool:
        """Whether so many images moved that answers depend on rounding."""
        return self.share > MOST_MOVED

    def text(self) -> str:
        """The figures in words."""
        return (
            f"one unit in the last place of the image moves {self.moved} of {self.images} images"
            f" by more than {MOVE:g} of the largest output, at most by {self.largest:.2g}"
        )

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data; an infinite move, of what is no number, is null."""
        largest = self.largest if np.isfinite(self.largest) else None
        return {**asdict(self), "largest": largest, "share": self.share, "threshold": MOVE}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Stability:
        """What `to_json` gave."""
        largest = np.inf if data["largest"] is None else float(data["largest"])
        return cls(int(data["images"]), int(data["moved"]), largest)


def stability_of(
    run: Callable[[Array], Sequence[Array]],
    batches: Iterable[Array],
    progress: Advance | None = None,
) -> Stability:
    """Run images as they are, and changed by one unit in the last place, up or down at random.

    The same changes every time, so the result is the same.

    Args:
        run: makes the outputs, each with a row for every image, of a batch of images.
        batches: of images, floating-point [N, ...], at least one.
        progress: called with the number of images of each batch that was done.
    """
    generator = np.random.default_rng(_SEED)
    moves: list[Array] = []
    scales: list[Array] = []
    for batch in batches:
        expected = run(batch)
        scales.append(np.array([_magnitude(output) for output in expected]))
        trials = [run(changed(batch, generator)) for _ in range(_TRIALS)]
        rows = [[_moved(a, e) for a, e in zip(trial, expected, strict=True)] for trial in trials]
        moves.append(np.max(rows, axis=0))
        if progress is not None:
            progress(len(batch))
    # An output that is zero everywhere has not moved unless it moved from zero.
    scale = np.maximum(np.max(scales, axis=0), np.finfo(np.float32).tiny)
    relative = (np.concatenate(moves, axis=1) / scale[:, None]).max(axis=0)
    return Stability(len(relative), int((relative > MOVE).sum()), float(relative.max()))


def measure_stability(
    session: Session, files: Sequence[Path], shared: Mapping[str, Array] | None = None
) -> Stability:
    """The stability of a compiled model on JPEG files.

    What is changed is the image as the network takes it: behind the decode and the normalisation.

    Args:
        session: of the model.
        files: JPEG files of its size.
        shared: inputs besides the image, the same for every image.

    Raises:
        ImageError, AccessError: if a file is damaged, of another size, or cannot be read.
        UsageError: as `Session.run`.
    """
    if not files:
        raise UsageError("no images to measure stability on; give one at least")
    return stability_of(
        lambda batch: session.run_image(batch, shared), network_inputs(session, files)
    )


def network_inputs(
    session: Session,
    files: Sequence[Path],
    *,
    tolerant: bool = False,
    fallback: Fallback = "none",
) -> Iterable[Array]:
    """What a session's network takes of files, in batches; of damaged ones too if `tolerant`.

    With the fallback "pixels" that includes files of which no coefficients are read.

    Raises:
        ImageError, AccessError: of the first file that cannot be used.
    """
    reader = session.reader(tolerant=tolerant, fallback=fallback)
    for start in range(0, len(files), session.batch_size):
        found = reader.read(files[start : start + session.batch_size], start)
        yield session.image_of([item.image for item in found])


def changed(batch: Array, generator: np.random.Generator) -> Array:
    """Every number as its neighbour above or below, at random."""
    towards = np.where(generator.random(batch.shape) < 0.5, -np.inf, np.inf)
    return np.asarray(np.nextafter(batch, towards.astype(batch.dtype)))


def _magnitude(output: Array) -> float:
    return float(magnitudes(_as_numbers(output)).max(initial=0.0))


def _moved(actual: Array, expected: Array) -> Array:
    """The largest move of each row; infinite where one is no number and the other is."""
    if actual.shape != expected.shape:
        return np.full(len(expected), np.inf)
    moves = distances(_as_numbers(actual), _as_numbers(expected))
    return np.asarray(moves.reshape(len(moves), -1).max(axis=1, initial=0.0))


def _as_numbers(output: Array) -> Array:
    """Indices move, too, by how far they are apart."""
    return output.astype(np.float64)
