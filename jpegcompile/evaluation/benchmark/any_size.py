"""Models for images of any size, in the stages that are timed.

Both sides are as fast as their libraries allow. They have the same number of threads, distribute
the images of a batch over the threads, and overlap reading and network in the same way. Each side
uses its fastest division of threads between reader and network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from jpegcompile.errors import ImageError
from jpegcompile.evaluation.benchmark.ahead import Overlap, Sharing
from jpegcompile.evaluation.benchmark.job import END_TO_END, INPUT, NETWORK, Job
from jpegcompile.evaluation.benchmark.model import TimedModel
from jpegcompile.evaluation.benchmark.pipelines import (
    Array,
    Outputs,
    each_by,
    open_session,
    run_session,
    session_network,
)
from jpegcompile.evaluation.benchmark.rivals.file_reader import FileReader
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.jpeg.pixel_fallback import PixelFallback
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.runtime.pixel_input import network_tensor
from jpegcompile.runtime.preprocessor import Preprocessor
from jpegcompile.runtime.views import over_views

BatchReader = Callable[[Sequence[bytes]], Any]


@dataclass(frozen=True)
class AnySizePipeline:
    """The stages of one side.

    Attributes:
        read: converts the bytes of a batch of files to the network's input.
        network: computes the outputs.
        overlaps: ways to run both stages at the same time; empty for one thread.
    """

    read: BatchReader
    network: Callable[[Any], Outputs]
    overlaps: tuple[Overlap, ...] = ()

    def end_to_end(self, files: Sequence[bytes]) -> Outputs:
        """Compute the outputs from the bytes, one stage after the other."""
        return self.network(self.read(files))

    def step(self, stage: str, files: Sequence[bytes]) -> Callable[[], object]:
        """See `Stages`."""
        if stage == END_TO_END:
            return lambda: self.end_to_end(files)
        if stage == INPUT:
            return lambda: self.read(files)
        assert stage == NETWORK
        tensors = self.read(files)
        return lambda: self.network(tensors)


class AnySizeModel(TimedModel):
    """A reader followed by a network in ONNX Runtime, either the original or the compiled one."""

    def __init__(self, job: Job, reader_of: Callable[[int], BatchReader]) -> None:
        """Open the reader and the network.

        Args:
            job: job of this side.
            reader_of: returns a reader of batches with a number of threads.
        """
        self._job, self._reader_of = job, reader_of
        session = open_session(job, *network_file(job))
        self.output_names = [output.name for output in session.get_outputs()]
        self._network = _network_of(job, session)
        self._read = reader_of(job.threads)

    def pipeline(self, *, with_parts: bool) -> AnySizePipeline:
        """See `TimedModel`."""
        ways = sharings(self._job.threads) if with_parts else []
        return AnySizePipeline(self._read, self._network, tuple(self._overlap(way) for way in ways))

    def _overlap(self, sharing: Sharing) -> Overlap:
        # Idle threads of the network must not spin on the processor of the reader.
        job = replace(self._job, threads=sharing.network)
        session = open_session(job, *network_file(job), spinning=False)
        read = self._reader_of(sharing.readers)
        return Overlap(sharing, read, _network_of(job, session))


def sharings(threads: int) -> list[Sharing]:
    """Return the ways to divide threads between reader and network; none for one thread."""
    if threads == 1:
        return []
    return [Sharing(1, threads - 1), Sharing(threads, threads)]


def network_file(job: Job) -> tuple[str, str | None]:
    """Return the path of the ONNX model, and the folder of its weights if they are elsewhere."""
    if job.is_original or not job.is_preprocessed:
        return job.model, job.folder
    assert job.network is not None
    return job.network, job.parts_folder


def opener(job: Job) -> Callable[[], TimedModel]:
    """Return a function that opens the model of a job; imports the libraries of rivals."""
    if not job.is_original:
        return lambda: AnySizeModel(job, lambda threads: preprocessor_reader(job, threads))
    read = _file_reader(job)
    return lambda: AnySizeModel(job, lambda threads: stacked_reader(read, threads))


def preprocessor_reader(job: Job, threads: int | None = None) -> BatchReader:
    """Return the native reader of the compiled network; `threads` defaults to the job's threads."""
    taken = replace(job.image, layout="NCHW")
    count = job.threads if threads is None else threads
    preprocessor = Preprocessor(taken, job.ingest_block, threads=count, tolerant=job.tolerant)
    pixels = pixel_fallback(job)
    return lambda files: tensors_of(files, preprocessor, pixels)


def pixel_fallback(job: Job) -> PixelFallback:
    """Return the decoder of files without readable coefficients, as the job configures it."""
    color, _ = job.image.from_pixels
    return PixelFallback(job.fallback, color)


def tensors_of(files: Sequence[bytes], preprocessor: Preprocessor, pixels: PixelFallback) -> Array:
    """Return the input of the compiled network, as `Session.run` computes it.

    Raises:
        ImageError, AccessError: if a file is unusable.
    """
    batch = preprocessor.read(files)
    for place, error in batch.errors.items():
        if not isinstance(error, ImageError):
            raise error
        image = pixels.instead(files[place], error)
        batch.tensor[place] = network_tensor(image, preprocessor.taken, preprocessor.block)
    return batch.tensor


def _network_of(job: Job, session: Any) -> Callable[[Any], Outputs]:
    """Return a function that runs the network; it averages the outputs of several views."""
    (image,) = session.get_inputs()
    network = session_network(session)
    if not job.is_original:
        network = partial(_run_image, session, image.name)
    if job.image.geometry.view_count == 1:
        return network
    if job.averages_views and not job.is_original:
        return lambda views: network(views.reshape(-1, *views.shape[2:]))
    names = [output.name for output in session.get_outputs()]
    batch = image.shape[0] if isinstance(image.shape[0], int) else None
    return lambda views: over_views(names, views, network, batch)


def _run_image(session: Any, name: str, tensors: Array) -> Outputs:
    return run_session(session, {name: tensors})


def stacked_reader(read: Callable[[bytes], Array], threads: int) -> BatchReader:
    """Return a reader of batches, which reads files on several threads and stacks the arrays."""
    each = each_by(threads)
    return lambda files: np.stack(each(read, files))


def _file_reader(job: Job) -> FileReader:
    """Return the reader of the job's rival."""
    assert job.preprocess is not None
    target = Target(job.image, preprocess_of(job.preprocess))
    return FileReader(job.side, target, fallback=job.fallback, tolerant=job.tolerant)
