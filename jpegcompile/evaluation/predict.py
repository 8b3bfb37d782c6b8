"""The classes with the largest scores, for JPEG files."""

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
from jpegcompile.messages import Message
from jpegcompile.options import running as option
from jpegcompile.progress import Progress
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.opened import opened
from jpegcompile.runtime.providers import Asked


@dataclass(frozen=True)
class Prediction:
    """The best classes of one file.

    Attributes:
        file: path of the file.
        classes: indices of the classes, best first.
        scores: scores of these classes, as the model computes them.
    """

    file: str
    classes: tuple[int, ...]
    scores: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)


class Predictions(list[Prediction]):
    """Predictions for the usable files, in their order.

    Attributes:
        skipped: unusable files with reasons.
        ignored: reason for each ignored folder, by its path.
        pixel_fallbacks: number of files that went through the pixel fallback.
    """

    def __init__(
        self,
        predictions: Iterable[Prediction],
        skipped: Sequence[Skipped] = (),
        ignored: Mapping[str, str] | None = None,
        pixel_fallbacks: int = 0,
    ) -> None:
        """Create a list of predictions.

        Args:
            predictions: predictions for the usable files.
            skipped: as the attribute.
            ignored: as the attribute.
            pixel_fallbacks: as the attribute.
        """
        super().__init__(predictions)
        self.skipped = tuple(skipped)
        self.ignored = dict(ignored or {})
        self.pixel_fallbacks = pixel_fallbacks

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
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
        compiled: path of the compiled model, or a session of it; its first output contains the
            scores [N, classes].
        images: files and folders.
        top: number of classes to return for each file.
        native: whether native kernels run the nodes that they support. Ignored for a session.
        providers: what the model runs on, as for `jpegcompile.load`. Ignored for a session.
        tolerant: whether to use the readable part of damaged files, as `read_coefficients`.
        on_error: what to do with unusable files: "stop" raises the error of the first one; "skip"
            and "report" skip them, and `Predictions.skipped` lists them.
        fallback: "pixels" also reads files without readable coefficients, as `Session.run`.
        progress: called with (done, total).

    Raises:
        UsageError: if the first output does not contain scores, or `top` is less than 1.
        ImageError: if an image is damaged or has the wrong size, or if no image is usable.
        AccessError: if a file cannot be read.
    """
    if top < 1:
        raise UsageError(Message("top-out-of-range", f"top is {top}; give 1 or more"))
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
            text = (
                f"output '{session.output_names[0]}' has shape {list(scores.shape)}, not one score"
                " for each class; use jpegcompile.load from Python"
            )
            raise UsageError(Message("first-output-without-scores", text))
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
    """Return the files of a folder, or the path itself if it is not a folder."""
    path = Path(image)
    return jpeg_files(path, fallback) if path.is_dir() else ImageFiles((path,), {})
