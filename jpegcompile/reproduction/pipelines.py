"""The two pipelines from bytes of files to scores whose throughput the experiments compare.

The spatial pipeline is the pipeline that `jpegcompile bench` times. The JPEG pipeline is
`Session.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.benchmark.any_size import stacked_reader
from jpegcompile.evaluation.benchmark.pipelines import spatial_pipeline
from jpegcompile.evaluation.benchmark.rivals.pillow import simple_reader
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.evaluation.pillow import pillow_input
from jpegcompile.evaluation.spatial import SpatialModel
from jpegcompile.reproduction.subject import Subject

# From the bytes of a batch of files to scores [N, classes].
ScorePipeline = Callable[[Sequence[bytes]], NDArray[Any]]


def jpeg_scores(subject: Subject) -> ScorePipeline:
    """Return the pipeline with entropy decoding and the compiled model."""
    session = subject.session
    index = session.output_names.index(subject.output)
    return lambda files: session.run(files)[index]


def spatial_scores(subject: Subject, threads: int) -> ScorePipeline:
    """Return the pipeline with Pillow's decode, normalization and the original model.

    Args:
        subject: the models.
        threads: threads of reading and of ONNX Runtime.
    """
    image, preprocess = subject.session.info.input, subject.session.preprocess
    model = SpatialModel(subject.network, image, threads=threads)

    def network(batch: NDArray[Any]) -> list[NDArray[Any]]:
        return [model.run(batch)[subject.output]]

    if image.geometry.takes_any_size:
        read = stacked_reader(_any_size_reader(subject), threads)
        return lambda files: network(read(files))[0]
    whole = spatial_pipeline(image, preprocess, threads, network).end_to_end
    return lambda files: whole(files)[0]


def _any_size_reader(subject: Subject) -> Callable[[bytes], NDArray[np.float32]]:
    """Return a reader of one file of any size, with Pillow's decode and resize.

    Filters of other libraries are applied to Pillow's decode, because Pillow has no equal filter.
    """
    image, preprocess = subject.session.info.input, subject.session.preprocess
    resize = preprocess.geometry.resize
    if resize is not None and resize.filter.library != "pillow":
        return lambda file: pillow_input(file, preprocess, image)
    return simple_reader(Target(image, preprocess))
