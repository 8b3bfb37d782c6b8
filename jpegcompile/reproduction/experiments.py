"""The function `paper`, which runs all experiments of the paper."""

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
from jpegcompile.progress import Progress, Steps
from jpegcompile.reproduction import block_rmse as rmse
from jpegcompile.reproduction.accuracy import SERIES, accuracy_by_frequencies
from jpegcompile.reproduction.conversion import conversion, conversion_scores
from jpegcompile.reproduction.results import PaperResults
from jpegcompile.reproduction.subject import material, prepare
from jpegcompile.reproduction.throughput import image_runs, throughput


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

    The experiments are the RMSE of ASM and APX on random blocks, accuracy and deviations of the
    exactly compiled model, accuracy by frequencies without retraining, and throughput on this
    machine.

    Args:
        model: as for `compile`. Default: the demo's network with its images and preprocessing.
        images: folder with a folder of JPEG files for each class.
        preprocess: as for `compile`.
        labels: JSON file that maps folder names to class indices. Default: classes are numbered in
            the sorted order of the folder names.
        output_name: name of the output with the scores [N, classes]; the first output by default.
        image_input: as for `compile`.
        input_size: as for `compile`.
        blocks: number of random blocks.
        seed: seed of the random blocks.
        limit: largest number of images, chosen evenly from first to last.
        progress: called with (done, total); the unit is an image or a chunk of blocks.

    Raises:
        UsageError: if arguments are missing or do not fit the model.
        UnsupportedModelError: if the model cannot be compiled.
        ImageError: if an image is damaged or has another size.
        AccessError: if an image cannot be read.
        CheckFailedError: if the scores of a measured pipeline differ from the scores of its model.
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
        total = (1 + sweeps) * count + rmse.steps(blocks) + image_runs(subject)
        advance = Steps(progress, total)
        # Find damaged images before the long experiments.
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
