"""Check whether tiny changes of an image change the answer, for masks from few frequencies.

If the approximation of a pixel is close to zero, rounding decides whether the pixel is kept or
masked. In a deep network one changed decision may change many others. The answer is then chaotic:
machines, runtimes and orders of summation differ by as much as different images do.
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
from jpegcompile.messages import Message
from jpegcompile.progress import Advance
from jpegcompile.runtime.session import Session

Array = NDArray[Any]

# An image moves if an output moves by more than this fraction of its largest magnitude. Rounding
# moves the outputs of networks without masks by at most 1e-5.
MOVE = 0.01
# A model is chaotic if more than this fraction of the images moves. A few in a thousand are normal.
MOST_MOVED = 0.05
# Number of changes of each image to try.
_TRIALS = 2
_SEED = 0


@dataclass(frozen=True)
class Stability:
    """How far outputs move if every number of the image changes by one unit in the last place.

    Attributes:
        images: number of images that were changed.
        moved: number of images for which an output moved by more than `MOVE` of its largest
            magnitude.
        largest: the largest move of any output, as a fraction of its largest magnitude.
    """

    images: int
    moved: int
    largest: float

    @property
    def share(self) -> float:
        """Fraction of the images that moved."""
        return self.moved / self.images

    @property
    def is_chaotic(self) -> bool:
        """Whether so many images moved that answers depend on rounding."""
        return self.share > MOST_MOVED

    def text(self) -> str:
        """Return the numbers in words."""
        return (
            f"one unit in the last place of the image moves {self.moved} of {self.images} images"
            f" by more than {MOVE:g} of the largest output, at most by {self.largest:.2g}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data; an infinite move is null."""
        largest = self.largest if np.isfinite(self.largest) else None
        return {**asdict(self), "largest": largest, "share": self.share, "threshold": MOVE}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Stability:
        """Read what `to_json` returned."""
        largest = np.inf if data["largest"] is None else float(data["largest"])
        return cls(int(data["images"]), int(data["moved"]), largest)


def stability_of(
    run: Callable[[Array], Sequence[Array]],
    batches: Iterable[Array],
    progress: Advance | None = None,
) -> Stability:
    """Run images unchanged, and changed by one unit in the last place, up or down at random.

    The random numbers are the same in every call, so the result is reproducible.

    Args:
        run: returns the outputs of a batch of images, each with a row for every image.
        batches: batches of images, floating-point [N, ...]; at least one.
        progress: called with the number of images of each finished batch.
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
    # If an output is zero everywhere, any move from zero counts.
    scale = np.maximum(np.max(scales, axis=0), np.finfo(np.float32).tiny)
    relative = (np.concatenate(moves, axis=1) / scale[:, None]).max(axis=0)
    return Stability(len(relative), int((relative > MOVE).sum()), float(relative.max()))


def measure_stability(
    session: Session, files: Sequence[Path], shared: Mapping[str, Array] | None = None
) -> Stability:
    """Measure the stability of a compiled model on JPEG files.

    The image is changed after decode and normalization.

    Args:
        session: session of the model.
        files: JPEG files of the network's size.
        shared: inputs besides the image, the same for every image.

    Raises:
        ImageError: if a file is damaged or has the wrong size.
        AccessError: if a file cannot be read.
        UsageError: as `Session.run`.
    """
    if not files:
        text = "there are no images to measure stability on; give at least one"
        raise UsageError(Message("stability-without-images", text))
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
    """Yield the network's inputs for files, in batches.

    Args:
        session: session of the model.
        files: JPEG files.
        tolerant: whether to use the readable part of damaged files.
        fallback: "pixels" also reads files without readable coefficients.

    Raises:
        ImageError, AccessError: of the first unusable file.
    """
    reader = session.reader(tolerant=tolerant, fallback=fallback)
    for start in range(0, len(files), session.batch_size):
        found = reader.read(files[start : start + session.batch_size], start)
        yield session.image_of([item.image for item in found])


def changed(batch: Array, generator: np.random.Generator) -> Array:
    """Return the neighbor above or below each number, at random."""
    towards = np.where(generator.random(batch.shape) < 0.5, -np.inf, np.inf)
    return np.asarray(np.nextafter(batch, towards.astype(batch.dtype)))


def _magnitude(output: Array) -> float:
    return float(magnitudes(_as_numbers(output)).max(initial=0.0))


def _moved(actual: Array, expected: Array) -> Array:
    """Return the largest move of each row; infinite where only one of two values is NaN."""
    if actual.shape != expected.shape:
        return np.full(len(expected), np.inf)
    moves = distances(_as_numbers(actual), _as_numbers(expected))
    return np.asarray(moves.reshape(len(moves), -1).max(axis=1, initial=0.0))


def _as_numbers(output: Array) -> Array:
    """Return an output as float64; indices move by their difference."""
    return output.astype(np.float64)
