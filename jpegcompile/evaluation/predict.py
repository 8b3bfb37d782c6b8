"""The largest scores of a compiled model for JPEG files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.dataset import ImageFiles, jpeg_files
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError, Skipped
from jpegcompile.options import running as option
from jpegcompile.progress import Progress
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.opened import opened
from jpegcompile.runtime.providers import Asked


@dataclass(frozen=True)
class Prediction:
    """The best classes of one file, best first: indices and scores as the model gives them."""

    file: str
    classes: tuple[int, ...]
    scores: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)


class Predictions(list[Prediction]):
    """Predictions for the files that could be used, in their order.

    Attributes:
        skipped: files that could not be used, and why.
        ignored: why, for every folder that was passed over, by its path.
        pixel_fallbacks: how many of the files went through the pixel fallback.
    """

    def __init__(
        self,
        predictions: Iterable[Prediction],
        skipped: Sequence[Skipped] = (),
        ignored: Mapping[str, str] | None = None,
        pixel_fallbacks: int = 0,
    ) -> None:
        """A list of `predictions` that says what is not in it."""
        super().__init__(predictions)
        self.skipped = tuple(skipped)
        self.ignored = dict(ignored or {})
        self.pixel_fallbacks = pixel_fallbacks

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            "predictions": [prediction.to_json() for prediction in self],
            "skipped": [asdict(skipped) for skipped in self.skipped],
            "ignored": self.ignored,
            "pixel_fallbacks": self.pixel_fallbacks,
        }


def run(
    compiled: str | os.PathLike[str] | ImageRunner,
    images: Sequence[str | os.PathLike[str]],
    *,
    top: int = option.TOP.default,
    native: bool = option.NATIVE.default,
    providers: Asked = option.PROVIDERS.default,
    tolerant: bool = option.TOLERANT.default,
    on_error: OnError = option.ON_ERROR.default,
    fallback: Fallback = option.FALLBACK.default,
    progress: Progress | None = None,
) -> Predictions:
    """Predict classes for JPEG files, and for every JPEG file below folders.

    Args:
        compiled: path of the compiled model, or a session of it; its first output holds the scores
            [N, classes].
        images: files and folders.
        top: how many classes to give for each file.
        native: whether native kernels run what they can of a model that is given by its path.
        providers: what such a model runs on, as for `jpegcompile.load`.
        tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
        on_error: what becomes of files that cannot be used: "stop" raises the error of the first;
            "skip" and "report" leave them out, and `Predictions.skipped` lists them.
        fallback: "pixels" also takes files of which no coefficients are read, as `Session.run`.
        progress: called with (done, total).

    Raises:
        UsageError: if the first output is no score vector, or `top` is less than 1.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read; or none
            can be used.
    """
    if top < 1:
        raise UsageError(f"top is {top}; give 1 or more")
    session = compiled
    if not isinstance(session, ImageRunner):
        session = opened(session, native=native, providers=providers)
    groups = [_expand(image, fallback) for image in images]
    files = [file for group in groups for file in group.files]
    reader = session.reader(on_error, tolerant=tolerant, fallback=fallback)
    results: list[Prediction] = []
    for used, outputs in session.batches(files, reader):
        scores = outputs[0]
        if progress is not None:
            progress(used[0], len(files))
        if scores.ndim != 2 or len(scores) != len(used):
            raise UsageError(
                f"output '{session.output_names[0]}' has shape {list(scores.shape)}, not one score"
                " for each class; use jpegcompile.load from Python"
            )
        ranked = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        for index, order, row in zip(used, ranked, scores, strict=True):
            best = tuple(float(row[i]) for i in order)
            file = str(files[index])
            results.append(Prediction(file, tuple(int(i) for i in order), best))
    if progress is not None:
        progress(len(files), len(files))
    reader.require_some(results)
    ignored = {folder: why for group in groups for folder, why in group.ignored.items()}
    return Predictions(results, reader.skipped, ignored, reader.pixel_fallbacks)


def _expand(image: str | os.PathLike[str], fallback: Fallback) -> ImageFiles:
    """A file stands for itself, whatever its name and whether it exists; a folder for its files."""
    path = Path(image)
    return jpeg_files(path, fallback) if path.is_dir() else ImageFiles((path,), {})
