"""Compare the original model with Pillow's decode against the compiled model.

For labelled images the result contains the accuracy of both. As in `verify`, two errors are
reported separately: the conversion error, and the difference due to Pillow's decode.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.evaluation.batches import image_batches
from jpegcompile.evaluation.comparison import Change, Comparison, with_evidence
from jpegcompile.evaluation.comparison_evidence import (
    ComparisonEvidence,
    Hits,
    ScoreError,
    ScoreSum,
)
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
from jpegcompile.messages import Message
from jpegcompile.options import running as option
from jpegcompile.options.renamed import accepts_earlier
from jpegcompile.progress import Progress, no_progress
from jpegcompile.results.merging import Models, RunOptions, Shard, digest_of
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.opened import opened
from jpegcompile.runtime.outputs import joined
from jpegcompile.runtime.providers import Asked

NO_LABELS = Message(
    "drop-without-labels",
    "the images have no labels, so no drop can be measured; leave --max-drop out, or put the images"
    " of each class into a folder of its own",
)


@dataclass(frozen=True)
class Scores:
    """Scores [N, classes] of the same files.

    Attributes:
        before: original model, Pillow's decode.
        exact: original model, the decode that the model is compiled for.
        after: compiled model.
        used: indices of the usable files among all files.
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
    files: Iterable[str | Path] | None = option.CHOSEN_FILES.default,
    shard: Shard | str | tuple[int, int] | None = option.SHARD.default,
    progress: Progress | None = None,
) -> Comparison:
    """Compare a model before and after compilation on JPEG files, with or without labels.

    Args:
        original: the source model.
        compiled: path of the compiled model.
        images: folder with one folder for each class, or a folder of files without labels.
        labels: JSON file that maps folder names to class indices. Default: classes are numbered in
            the sorted order of the folder names.
        output_name: name of the output that contains the scores [N, classes]. Default: the first
            output.
        unlabelled: whether files have no labels, whatever folders they are in.
        native: whether native kernels run the nodes that they support.
        providers: what the compiled model runs on, as for `jpegcompile.load`.
        on_error: what to do with unusable files: "stop" raises the error of the first one; "skip"
            and "report" skip them, and the result lists them.
        tolerant: whether to use the readable part of damaged files, as `read_coefficients`.
        fallback: "pixels" also reads files without readable coefficients, as `Session.run`.
        files: use only these files of the folder. Classes are numbered as for the whole folder.
        shard: use only part I of N of the files, as "I/N" or (I, N); see `Comparison.merge`.
        progress: called with (done, total).

    Raises:
        UsageError: if the output does not exist or does not contain scores, a label is out of
            range, or classes cannot be numbered because folders have no images.
        ImageError: if an image is damaged or has the wrong size, or if no image is usable.
        AccessError: if a file cannot be read.
    """
    session = opened(compiled, native=native, providers=providers, progress=progress or no_progress)
    source = original_of(original, session)
    name = score_output(session.output_names, output_name)
    info = session.info.input
    if unlabelled or (labels is None and has_no_folders(images, fallback)):
        data = unlabelled_images(images, fallback)
    else:
        data = labelled_images(images, labels, lambda: score_count(source, info, name), fallback)
    part = None if shard is None else Shard.of(shard)
    if files is not None or part is not None:
        data = data.chosen(files, part)
    digest = digest_of(data.files)
    reader = session.reader(on_error, tolerant=tolerant, fallback=fallback)
    scores = score_files(session, source, data.files, name, progress, reader)
    data = data.only(scores.used)
    check_scores(scores.before, name, len(data.files), data.labels)
    return replace(
        _evaluated(data, scores, reader, is_numbered=labels is None),
        decode=session.preprocess.decoder,
        output=name,
        models=Models.of(session.info),
        options=RunOptions(native, tolerant, fallback, on_error),
        inputs_digest=digest,
        shards=() if part is None else (part,),
    )


def score_files(
    session: ImageRunner,
    source: Source,
    files: Sequence[Path],
    output: str,
    progress: Progress | None = None,
    reader: ImageReader | None = None,
) -> Scores:
    """Return the scores of the original and of the compiled model for image files.

    Args:
        session: session of the compiled model.
        source: source of the compiled model.
        files: JPEG files.
        output: name of the output that contains the scores.
        progress: called with (done, total).
        reader: as for `image_batches`.

    Raises:
        ImageError: if an image is damaged or has the wrong size.
        AccessError: if a file cannot be read.
        RowsError: if the output does not contain one row for each image.
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
    """Raise an error if accuracy dropped too far.

    Args:
        result: result of `compare`.
        most: largest allowed drop of top-1 accuracy, in percentage points.

    Raises:
        CheckFailedError: if top-1 accuracy dropped by more.
        UsageError: if the images have no labels.
    """
    if result.drop is None or result.before is None or result.after is None:
        raise UsageError(NO_LABELS)
    if not result.drop <= most:
        text = (
            f"top-1 dropped by {result.drop:.2f} points, {most:g} are allowed"
            f" ({100 * result.before.top1:.2f} % before, {100 * result.after.top1:.2f} % after);"
            " compile with less approximation, or give a larger --max-drop"
        )
        raise CheckFailedError(Message("top1-dropped", text))


def score_output(names: Sequence[str], wanted: str | None) -> str:
    """Return the name of the output that contains the scores.

    Args:
        names: names of the model's outputs.
        wanted: name of the wanted output; None for the first output.

    Raises:
        UsageError: if there is no such output.
    """
    if wanted is None:
        return names[0]
    if wanted not in names:
        text = f"the model has no output '{wanted}'; its outputs are {', '.join(names)}"
        raise UsageError(Message("score-output-unknown", text))
    return wanted


def check_scores(scores: NDArray[Any], output: str, count: int, labels: Sequence[int]) -> None:
    """Refuse an output that does not contain one score for each class.

    Args:
        scores: values of the output for all images.
        output: name of the output.
        count: number of images.
        labels: class of each image; empty without labels.

    Raises:
        UsageError: if scores have another rank or number of rows, or fewer classes than the labels.
    """
    if scores.ndim != 2 or len(scores) != count:
        text = (
            f"output '{output}' has shape {list(scores.shape)}, not one score for each class;"
            " name another with --output-name"
        )
        raise UsageError(Message("output-without-scores", text))
    largest = max(labels, default=0)
    if largest >= scores.shape[1]:
        text = (
            f"a folder has class {largest} but the model has {scores.shape[1]} classes;"
            " map folders to classes with --labels"
        )
        raise UsageError(Message("label-beyond-classes", text))


def _evaluated(
    data: LabelledImages, scores: Scores, reader: ImageReader, *, is_numbered: bool
) -> Comparison:
    """Return the comparison that follows from the scores of usable files."""
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
    numbers = np.asarray(data.labels)
    before, exact, after = (
        Hits.of(part, numbers) if data.labels else None
        for part in (scores.before, scores.exact, scores.after)
    )
    evidence = ComparisonEvidence(
        images=len(old),
        same=int(np.sum(old == new)),
        same_exact=int(np.sum(scores.exact.argmax(axis=1) == new)),
        labels=dict(sorted(Counter(data.labels).items())),
        before=before,
        exact=exact,
        after=after,
        conversion=ScoreSum.of(scores.after, scores.exact),
        decoder=ScoreSum.of(scores.exact, scores.before),
        outputs=scores.before.shape[1],
        is_numbered=is_numbered,
    )
    shown = Comparison(
        images=len(old),
        classes=data.classes,
        unlabelled=data.unlabelled,
        ignored=data.ignored,
        skipped=reader.skipped,
        pixel_fallbacks=reader.pixel_fallbacks,
        before=None,
        exact=None,
        after=None,
        agreement=0.0,
        agreement_exact=0.0,
        conversion=ScoreError.of(scores.after, scores.exact),
        decoder=ScoreError.of(scores.exact, scores.before),
        changes=changes,
        warning=None,
    )
    return with_evidence(shown, evidence)
