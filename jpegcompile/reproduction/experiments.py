"""All experiments of the paper in one call."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jpegcompile.compiler import ModelSource
from jpegcompile.dct.frequencies import ALL
from jpegcompile.input_size import InputSize
from jpegcompile.options import running as option
from jpegcompile.options.renamed import accepts_earlier
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.processors import available_processors
from jpegcompile.progress import Progress
from jpegcompile.reproduction import block_rmse as rmse
from jpegcompile.reproduction.accuracy import SERIES, accuracy_by_frequencies
from jpegcompile.reproduction.conversion import conversion, conversion_scores
from jpegcompile.reproduction.results import PaperResults
from jpegcompile.reproduction.subject import material, prepare
from jpegcompile.reproduction.throughput import runs, throughput


@accepts_earlier(option.OUTPUT_NAME)
def paper(
    model: ModelSource | None = None,
    images: str | os.PathLike[str] | None = None,
    *,
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None = None,
    labels: str | os.PathLike[str] | None = None,
    output_name: str | None = option.OUTPUT_NAME.default,
    image_input: str | None = None,
    input_size: InputSize | None = None,
    blocks: int = option.BLOCKS.default,
    seed: int = option.BLOCK_SEED.default,
    limit: int | None = option.LIMIT.default,
    progress: Progress | None = None,
) -> PaperResults:
    """Regenerate the experiments of the paper.

    They are: the RMSE of ASM and APX on random blocks; accuracy and deviations of the exactly
    compiled model; accuracy by frequencies without retraining; throughput on this machine.

    Args:
        model: as for `compile`; the demo's network, with its images and preprocessing, if not
            given.
        images: folder with one folder of JPEG files a class.
        preprocess: as for `compile`.
        labels: JSON file from folder name to class index; else classes follow the sorted names.
        output_name: which output holds the scores [N, classes]; the first one if not given.
        image_input: as for `compile`.
        input_size: as for `compile`.
        blocks: random blocks.
        seed: of the random blocks.
        limit: at most so many images, evenly from first to last.
        progress: called with (done, total), images and chunks of blocks together.

    Raises:
        UsageError: if arguments are missing or do not fit the model.
        UnsupportedModelError: if the model cannot be compiled.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read.
        CheckFailedError: if a pipeline whose throughput is asked gives other scores than its model.
    """
    rmse.require_random(blocks, seed)
    threads = available_processors()
    with tempfile.TemporaryDirectory(prefix="jpegcompile-") as name:
        folder = Path(name)
        subject = prepare(
            material(model, images, preprocess),
            folder,
            labels=labels,
            output=output_name,
            image_input=image_input,
            input_size=input_size,
            limit=limit,
            threads=threads,
        )
        count = len(subject.images.files)
        sweeps = len(SERIES) * ALL
        advance = _Advance(progress, (1 + sweeps) * count + rmse.steps(blocks) + runs(subject))
        # Images that are damaged should come out before the long work.
        scores = conversion_scores(subject, advance)
        exact = scores.after.argmax(axis=1) == np.asarray(subject.images.labels)
        return PaperResults(
            model=subject.model_name,
            source_sha256=subject.source.sha256,
            preprocess=subject.options["preprocess"].to_json(),
            images=count,
            seed=seed,
            conversion=conversion(subject, scores),
            block_rmse=rmse.block_rmse(blocks, seed, advance),
            accuracy=accuracy_by_frequencies(subject, exact, folder, advance),
            throughput=throughput(subject, scores, threads, progress=advance),
        )


class _Advance:
    """Turns steps into the (done, total) of a progress."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def __call__(self, steps: int) -> None:
        """So many steps more are done."""
        self._done += steps
        if self._progress is not None:
            self._progress(self._done, self._total)
