"""Before and after: Pillow and the original model against the compiled one.

Labelled images also give the accuracy of both. Two errors are kept apart, as in `verify`: the error
of the conversion, and the difference that Pillow's decode makes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.evaluation.batches import image_batches
from jpegcompile.evaluation.chance import chance_warning
from jpegcompile.evaluation.comparison import Accuracy, Change, Comparison, ScoreError
from jpegcompile.evaluation.dataset import (
    LabelledImages,
    has_no_folders,
    labelled_images,
    unlabelled_images,
)
from jpegcompile.evaluation.spatial import SpatialModel, score_count
from jpegcompile.evaluation.verify import original_of
from jpegcompile.frontend.load import Source
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import ImageReader, OnError
from jpegcompile.options import running as option
from jpegcompile.options.renamed import accepts_earlier
from jpegcompile.progress import Progress, no_progress
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.opened import opened
from jpegcompile.runtime.outputs import joined
from jpegcompile.runtime.providers import Asked

NO_LABELS = (
    "the images have no labels, so no drop can be measured; leave --max-drop out, or put the images"
    " of each class into a folder of its own"
)


@dataclass(frozen=True)
class Scores:
    """Scores [N, classes] of the same files.

    Attributes:
        before: original model, Pillow's decode.
        exact: original model, float decode.
        after: compiled model.
        used: places of their files among all that were to be read.
    """

    before: NDArray[Any]
    exact: NDArray[Any]
    after: NDArray[Any]
    used: tuple[int, ...]


@accepts_earlier(option.OUTPUT_NAME)
def compare(
    original: str | os.PathLike[str] | onnx.ModelProto,
    compiled: str | os.PathLike[str],
    images: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    output_name: str | None = option.OUTPUT_NAME.default,
    unlabelled: bool = option.UNLABELLED.default,
    native: bool = option.NATIVE.default,
    providers: Asked = option.PROVIDERS.default,
    on_error: OnError = option.ON_ERROR.default,
    tolerant: bool = option.TOLERANT.default,
    fallback: Fallback = option.FALLBACK.default,
    progress: Progress | None = None,
) -> Comparison:
    """Compare a model before and after compilation on JPEG files, with or without labels.

    Args:
        original: the source model.
        compiled: path of the compiled model.
        images: folder with one folder a class; or one without folders, whose files have no labels.
        labels: JSON file from folder name to class index; else classes follow the sorted names.
        output_name: which output holds the scores [N, classes]; the first one if not given.
        unlabelled: whether files have no labels, whatever folders they are in.
        native: whether native kernels run what they can of the compiled model.
        providers: what the compiled model runs on, as for `jpegcompile.load`.
        on_error: what becomes of files that cannot be used: "stop" raises the error of the first;
            "skip" and "report" leave them out, and the result lists them.
        tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
        fallback: "pixels" also takes files of which no coefficients are read, as `Session.run`.
        progress: called with (done, total).

    Raises:
        UsageError: if the output does not exist or is no score vector, a label is out of range, or
            folders without an image leave open which class is which.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read; or none
            can be used.
    """
    session = opened(compiled, native=native, providers=providers, progress=progress or no_progress)
    source = original_of(original, session)
    name = score_output(session.output_names, output_name)
    info = session.info.input
    if unlabelled or (labels is None and has_no_folders(images, fallback)):
        data = unlabelled_images(images, fallback)
    else:
        data = labelled_images(images, labels, lambda: score_count(source, info, name), fallback)
    reader = session.reader(on_error, tolerant=tolerant, fallback=fallback)
    scores = score_files(session, source, data.files, name, progress, reader)
    data = data.only(scores.used)
    check_scores(scores.before, name, len(data.files), data.labels)
    result = _evaluate(data, scores, reader, is_numbered=labels is None)
    return replace(result, decode=session.preprocess.decoder)


def score_files(
    session: ImageRunner,
    source: Source,
    files: Sequence[Path],
    output: str,
    progress: Progress | None = None,
    reader: ImageReader | None = None,
) -> Scores:
    """Scores of the original and of the compiled model for image files.

    Args:
        session: of the compiled model.
        source: the model that it was compiled from.
        files: JPEG files.
        output: name of the output that holds the scores.
        progress: called with (done, total).
        reader: as for `image_batches`.

    Raises:
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read.
        RowsError: if the output does not hold one row for each image.
    """
    model = SpatialModel(source, session.info.input)
    index = session.output_names.index(output)
    used: list[int] = []
    before, exact, after = [], [], []
    tolerant = reader is not None and reader.tolerant
    for batch in image_batches(session, files, reader):
        assert batch.pillow is not None
        before.append(model.run(batch.pillow)[output])
        exact.append(model.run(batch.spatial)[output])
        after.append(session.run_read(batch.files, batch.images, tolerant=tolerant)[index])
        used += batch.indices
        if progress is not None:
            progress(used[-1] + 1, len(files))
    columns = [
        joined([output], [[rows] for rows in parts], len(used))[0]
        for parts in (before, exact, after)
    ]
    return Scores(columns[0], columns[1], columns[2], tuple(used))


def require_drop(result: Comparison, most: float) -> None:
    """Turn a loss of accuracy above `most` percentage points into the error of a failed check.

    Raises:
        CheckFailedError: if top-1 dropped by more.
    """
    if result.drop is None or result.before is None or result.after is None:
        raise UsageError(NO_LABELS)
    if not result.drop <= most:
        raise CheckFailedError(
            f"top-1 dropped by {result.drop:.2f} points, {most:g} are allowed"
            f" ({100 * result.before.top1:.2f} % before, {100 * result.after.top1:.2f} % after)"
        )


def score_output(names: Sequence[str], wanted: str | None) -> str:
    """The output that holds the scores: the one wanted, else the first.

    Raises:
        UsageError: if there is no such output.
    """
    if wanted is None:
        return names[0]
    if wanted not in names:
        raise UsageError(f"the model has no output '{wanted}'; its outputs are {', '.join(names)}")
    return wanted


def check_scores(scores: NDArray[Any], output: str, count: int, labels: Sequence[int] = ()) -> None:
    """Refuse what is not one row of class scores for each image.

    Args:
        scores: of the images.
        output: that they come from.
        count: of images.
        labels: of the images, if they have any.

    Raises:
        UsageError: if scores have another rank or number of rows, or fewer classes than the labels.
    """
    if scores.ndim != 2 or len(scores) != count:
        raise UsageError(
            f"output '{output}' has shape {list(scores.shape)}, not one score for each class;"
            " name another with --output-name"
        )
    largest = max(labels, default=0)
    if largest >= scores.shape[1]:
        raise UsageError(
            f"a folder has class {largest} but the model has {scores.shape[1]} classes;"
            " map folders to classes with --labels"
        )


def _evaluate(
    data: LabelledImages, scores: Scores, reader: ImageReader, *, is_numbered: bool
) -> Comparison:
    old, new = scores.before.argmax(axis=1), scores.after.argmax(axis=1)
    changes = tuple(
        Change(
            str(data.files[i]),
            data.labels[i] if data.labels else None,
            int(old[i]),
            int(new[i]),
            float(scores.before[i, old[i]] - scores.before[i, new[i]]),
        )
        for i in np.flatnonzero(old != new)
    )
    warning = None
    accuracies: list[Accuracy | None] = [None, None, None]
    if data.labels:
        numbers = np.asarray(data.labels)
        parts = (scores.before, scores.exact, scores.after)
        accuracies = [_accuracy(part, numbers) for part in parts]
        right, folders = int(np.sum(old == numbers)), len(data.classes) if is_numbered else None
        warning = chance_warning(right, data.labels, folders, scores.before.shape[1])
    return Comparison(
        images=len(old),
        classes=data.classes,
        unlabelled=data.unlabelled,
        ignored=data.ignored,
        skipped=reader.skipped,
        pixel_fallbacks=reader.pixel_fallbacks,
        before=accuracies[0],
        exact=accuracies[1],
        after=accuracies[2],
        agreement=float(np.mean(old == new)),
        agreement_exact=float(np.mean(scores.exact.argmax(axis=1) == new)),
        conversion=ScoreError.of(scores.after, scores.exact),
        decoder=ScoreError.of(scores.exact, scores.before),
        changes=changes,
        warning=warning,
    )


def _accuracy(scores: NDArray[Any], labels: NDArray[Any]) -> Accuracy:
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    hits = ranked == labels[:, None]
    return Accuracy(float(hits[:, 0].mean()), float(hits.any(axis=1).mean()))
