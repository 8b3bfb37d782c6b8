"""The largest scores of a compiled model for JPEG files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.dataset import jpeg_files
from jpegcompile.evaluation.verify import Progress
from jpegcompile.runtime.session import Session


@dataclass(frozen=True)
class Prediction:
    """The best classes of one file, best first: indices and scores as the model gives them."""

    file: str
    classes: tuple[int, ...]
    scores: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)


def run(
    compiled: str | os.PathLike[str] | Session,
    images: Sequence[str | os.PathLike[str]],
    *,
    top: int = 5,
    native: bool = True,
    tolerant: bool = False,
    progress: Progress | None = None,
) -> list[Prediction]:
    """Predict classes for JPEG files, and for every JPEG file below folders.

    Args:
        compiled: path of the compiled model, or a session of it; its first output holds the scores
            [N, classes].
        images: files and folders.
        top: how many classes to give for each file.
        native: whether native kernels run what they can of a model that is given by its path.
        tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
        progress: called with (done, total).

    Raises:
        UsageError: if the first output is no score vector, or `top` is less than 1.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read.
    """
    if top < 1:
        raise UsageError(f"top is {top}; give 1 or more")
    session = compiled if isinstance(compiled, Session) else Session(compiled, native=native)
    files = [file for image in images for file in _expand(image)]
    results: list[Prediction] = []
    for start in range(0, len(files), session.batch_size):
        chunk = files[start : start + session.batch_size]
        scores = session.run(chunk, tolerant=tolerant)[0]
        if scores.ndim != 2:
            raise UsageError(
                f"output '{session.output_names[0]}' has shape {list(scores.shape)}, not one score"
                " for each class; use Session.run from Python"
            )
        ranked = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        for file, order, row in zip(chunk, ranked, scores, strict=True):
            best = tuple(float(row[i]) for i in order)
            results.append(Prediction(str(file), tuple(int(i) for i in order), best))
        if progress is not None:
            progress(len(results), len(files))
    return results


def _expand(image: str | os.PathLike[str]) -> list[Path]:
    """A file stands for itself, whatever its name and whether it exists; a folder for its JPEGs."""
    path = Path(image)
    return jpeg_files(path) if path.is_dir() else [path]
