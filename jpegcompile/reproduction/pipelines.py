"""From JPEG files to scores in two ways: what throughput is measured of.

Neither should lose for want of care: both read the images of a batch with as many threads, and the
spatial one normalises plane by plane in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.benchmark.rivals.pillow import simple_reader
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.evaluation.pillow import pillow_input, pillow_pixels
from jpegcompile.evaluation.spatial import SpatialModel
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.reproduction.subject import Subject

Pipeline = Callable[[Sequence[Path]], NDArray[Any]]


def jpeg_pipeline(subject: Subject) -> Pipeline:
    """Entropy decoding, then the compiled model."""
    session = subject.session
    index = session.output_names.index(subject.output)
    return lambda files: session.run(files)[index]


def spatial_pipeline(subject: Subject, pool: ThreadPoolExecutor, threads: int) -> Pipeline:
    """Pillow's decode and normalisation, then the original model.

    Args:
        subject: whose model it is.
        pool: that decodes.
        threads: of the pool, and of ONNX Runtime.
    """
    info = subject.session.info.input
    model = SpatialModel(subject.network, info, threads=threads)
    read = pillow_reader(subject)

    def run(files: Sequence[Path]) -> NDArray[Any]:
        parts = [files[start::threads] for start in range(min(threads, len(files)))]
        batch = np.empty((len(files), *subject.session.info.input.shape), np.float32)

        def fill(start: int) -> None:
            for index, file in enumerate(parts[start]):
                batch[start + index * threads] = read(file)

        list(pool.map(fill, range(len(parts))))
        return model.run(batch)[subject.output]

    return run


def pillow_reader(subject: Subject) -> Callable[[Path], NDArray[np.float32]]:
    """One image by Pillow's decode, as the original model takes it."""
    info = subject.session.info.input
    preprocess = subject.session.preprocess
    if info.geometry.takes_any_size:
        return _any_size_reader(info, preprocess)
    color = preprocess.color_for(info.channels)
    affine = preprocess.affine(info.channels)
    scale, shift = (v.astype(np.float32)[:, None, None] for v in (affine.scale, affine.shift))

    def read(file: Path) -> NDArray[np.float32]:
        planes = pillow_pixels(file, color).transpose(2, 0, 1)
        values = planes.astype(np.float32) * scale + shift
        return values.transpose(1, 2, 0) if info.layout == "NHWC" else values

    return read


def _any_size_reader(
    taken: NetworkInput, preprocess: Preprocess
) -> Callable[[Path], NDArray[np.float32]]:
    """The same with Pillow's resize, as people write it; that of others as they define it."""
    resize = preprocess.geometry.resize
    if resize is not None and resize.filter.library != "pillow":
        return lambda file: pillow_input(file, preprocess, taken)
    read = simple_reader(Target(taken, preprocess))
    return lambda file: read(file.read_bytes())
