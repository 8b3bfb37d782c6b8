"""Accuracy before and after: Pillow and the original model against the compiled one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.evaluation.batches import image_batches
from jpegcompile.evaluation.chance import chance_warning
from jpegcompile.evaluation.dataset import LabelledImages, labelled_images
from jpegcompile.evaluation.progress import Progress, unseen
from jpegcompile.evaluation.spatial import SpatialModel, score_count
from jpegcompile.evaluation.verify import require_same_source
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.jpeg.unusable import ImageReader, OnError, Skipped
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.opened import opened
from jpegcompile.runtime.outputs import joined
from jpegcompile.runtime.providers import Asked


@dataclass(frozen=True)
class Accuracy:
    """Fractions of images whose label is the largest, or among the five largest, scores."""

    top1: float
    top5: float


@dataclass(frozen=True)
class Change:
    """An image whose predicted class differs between original (Pillow) and compiled model."""

    file: str
    label: int
    before: int
    after: int


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


@dataclass(frozen=True)
class Comparison:
    """Outcome of `compare`.

    Attributes:
        images: number of labelled images that could be used.
        classes: class index by folder.
        unlabelled: files of folders without a class; "." is for files in no folder.
        ignored: why, for every folder that was passed over, by its path.
        skipped: files that could not be used, and why.
        before: original model, Pillow's decode.
        exact: original model, float decode; it separates the decoder from the conversion.
        after: compiled model.
        agreement: fraction of equal predictions, original (Pillow) and compiled.
        agreement_exact: the same for the original with the float decode.
        changes: every prediction that changed between original (Pillow) and compiled.
        warning: what to check, where the original (Pillow) is no better than chance; else None.
    """

    images: int
    classes: dict[str, int]
    unlabelled: dict[str, int]
    ignored: dict[str, str]
    skipped: tuple[Skipped, ...]
    before: Accuracy
    exact: Accuracy
    after: Accuracy
    agreement: float
    agreement_exact: float
    changes: tuple[Change, ...]
    warning: str | None

    @property
    def drop(self) -> float:
        """Top-1 lost by compiling, in percentage points; negative if accuracy rose."""
        return 100.0 * (self.before.top1 - self.after.top1)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {**asdict(self), "drop": self.drop}


def compare(
    original: str | os.PathLike[str] | onnx.ModelProto,
    compiled: str | os.PathLike[str],
    images: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    output: str | None = None,
    native: bool = True,
    providers: Asked = "auto",
    on_error: OnError = "stop",
    tolerant: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Compare accuracy before and after compilation on labelled JPEG files.

    Args:
        original: the source model.
        compiled: path of the compiled model.
        images: folder with one folder a class.
        labels: JSON file from folder name to class index; else classes follow the sorted names.
        output: which output holds the scores [N, classes]; the first one if not given.
        native: whether native kernels run what they can of the compiled model.
        providers: what the compiled model runs on, as for `jpegcompile.load`.
        on_error: what becomes of files that cannot be used: "stop" raises the error of the first;
            "skip" and "report" leave them out, and the result lists them.
        tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
        progress: called with (done, total).

    Raises:
        UsageError: if the output does not exist or is no score vector, a label is out of range, or
            folders without an image leave open which class is which.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read; or none
            can be used.
    """
    session = opened(compiled, native=native, providers=providers, progress=progress or unseen)
    source = load_source(original)
    require_same_source(source, session)
    name = score_output(session.output_names, output)
    info = session.info.input
    data = labelled_images(images, labels, lambda: score_count(source, info, name))
    reader = session.reader(on_error, tolerant=tolerant)
    scores = score_files(session, source, data.files, name, progress, reader)
    data = data.only(scores.used)
    check_scores(scores.before, name, data.labels)
    return _evaluate(data, scores, reader.skipped, is_numbered=labels is None)


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
    for batch in image_batches(session, files, reader):
        assert batch.pillow is not None
        before.append(model.run(batch.pillow)[output])
        exact.append(model.run(batch.spatial)[output])
        after.append(session.run_coefficients(batch.coefficients)[index])
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


def check_scores(scores: NDArray[Any], output: str, labels: Sequence[int]) -> None:
    """Refuse what is not one row of class scores for each image.

    Raises:
        UsageError: if scores have another rank or number of rows, or fewer classes than the labels.
    """
    if scores.ndim != 2 or len(scores) != len(labels):
        raise UsageError(
            f"output '{output}' has shape {list(scores.shape)}, not one score for each class;"
            " name another with --output-name"
        )
    if max(labels) >= scores.shape[1]:
        raise UsageError(
            f"a folder has class {max(labels)} but the model has {scores.shape[1]} classes;"
            " map folders to classes with --labels"
        )


def _evaluate(
    data: LabelledImages, scores: Scores, skipped: tuple[Skipped, ...], *, is_numbered: bool
) -> Comparison:
    labels = np.asarray(data.labels)
    old, new = scores.before.argmax(axis=1), scores.after.argmax(axis=1)
    changes = tuple(
        Change(str(data.files[i]), int(labels[i]), int(old[i]), int(new[i]))
        for i in np.flatnonzero(old != new)
    )
    right, folders = int(np.sum(old == labels)), len(data.classes) if is_numbered else None
    return Comparison(
        images=len(labels),
        classes=data.classes,
        unlabelled=data.unlabelled,
        ignored=data.ignored,
        skipped=skipped,
        before=_accuracy(scores.before, labels),
        exact=_accuracy(scores.exact, labels),
        after=_accuracy(scores.after, labels),
        agreement=float(np.mean(old == new)),
        agreement_exact=float(np.mean(scores.exact.argmax(axis=1) == new)),
        changes=changes,
        warning=chance_warning(right, data.labels, folders, scores.before.shape[1]),
    )


def _accuracy(scores: NDArray[Any], labels: NDArray[Any]) -> Accuracy:
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    hits = ranked == labels[:, None]
    return Accuracy(float(hits[:, 0].mean()), float(hits.any(axis=1).mean()))
