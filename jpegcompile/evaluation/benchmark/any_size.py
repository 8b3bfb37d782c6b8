"""Models for images of any size, in the stages that are timed.

Neither side should lose for want of care. Both have as many threads, share the images of a batch
among them, and pipeline in the same way: of the ways to share threads between the reader and the
network each side takes the one that is faster for it.
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
        read: bytes of a batch of files to the network's input.
        network: to the outputs.
        overlaps: ways to have both work at once; none for one thread.
    """

    read: BatchReader
    network: Callable[[Any], Outputs]
    overlaps: tuple[Overlap, ...] = ()

    def end_to_end(self, files: Sequence[bytes]) -> Outputs:
        """Bytes to the outputs, one after the other."""
        return self.network(self.read(files))

    def step(self, stage: str, files: Sequence[bytes]) -> Callable[[], object]:
        """What a run of a stage does for a batch of files; everything before it is done here."""
        if stage == END_TO_END:
            return lambda: self.end_to_end(files)
        if stage == INPUT:
            return lambda: self.read(files)
        assert stage == NETWORK
        begin = self.read(files)
        return lambda: self.network(begin)


class AnySizeModel(TimedModel):
    """A network in ONNX Runtime behind a reader: the original, or the compiled one."""

    def __init__(self, job: Job, reader_of: Callable[[int], BatchReader]) -> None:
        """Open both.

        Args:
            job: that is done.
            reader_of: what reads a batch by so many threads.
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
        # Threads that wait for work must not take the reader's processor.
        job = replace(self._job, threads=sharing.network)
        session = open_session(job, *network_file(job), spinning=False)
        read = self._reader_of(sharing.readers)
        return Overlap(sharing, read, _network_of(job, session))


def sharings(threads: int) -> list[Sharing]:
    """Ways to share so many threads; none for one, which does one thing after the other."""
    if threads == 1:
        return []
    return [Sharing(1, threads - 1), Sharing(threads, threads)]


def network_file(job: Job) -> tuple[str, str | None]:
    """Path of the model in ONNX Runtime, and the folder of its weights if they lie elsewhere."""
    if job.is_original or not job.is_preprocessed:
        return job.model, job.folder
    assert job.network is not None
    return job.network, job.parts_folder


def opener(job: Job) -> Callable[[], TimedModel]:
    """What opens the model of a job; libraries of rivals are imported here."""
    if not job.is_original:
        return lambda: AnySizeModel(job, lambda threads: preprocessor_reader(job, threads))
    read = _file_reader(job)
    return lambda: AnySizeModel(job, lambda threads: _batches_of(read, threads))


def preprocessor_reader(job: Job, threads: int | None = None) -> BatchReader:
    """The native reader of the compiled network; it has the job's threads if not given others."""
    taken = replace(job.image, layout="NCHW")
    count = job.threads if threads is None else threads
    preprocessor = Preprocessor(taken, job.ingest_block, threads=count, tolerant=job.tolerant)
    pixels = pixel_fallback(job)
    return lambda files: tensors_of(files, preprocessor, pixels)


def pixel_fallback(job: Job) -> PixelFallback:
    """What decodes files of which no coefficients are read, if the job wants that."""
    color, _ = job.image.from_pixels
    return PixelFallback(job.fallback, color)


def tensors_of(files: Sequence[bytes], preprocessor: Preprocessor, pixels: PixelFallback) -> Array:
    """The input of the compiled network, as `Session.run` makes it.

    Raises:
        ImageError, AccessError: of a file that cannot be used.
    """
    batch = preprocessor.read(files)
    for place, error in batch.errors.items():
        if not isinstance(error, ImageError):
            raise error
        image = pixels.instead(files[place], error)
        batch.tensor[place] = network_tensor(image, preprocessor.taken, preprocessor.block)
    return batch.tensor


def _network_of(job: Job, session: Any) -> Callable[[Any], Outputs]:
    """Outputs for images, averaged over their views if there are several."""
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


def _batches_of(read: Callable[[bytes], Array], threads: int) -> BatchReader:
    """A batch as one array, its files shared among threads."""
    each = each_by(threads)
    return lambda files: np.stack(each(read, files))


def _file_reader(job: Job) -> FileReader:
    """The reader of the job's rival."""
    assert job.preprocess is not None
    target = Target(job.image, preprocess_of(job.preprocess))
    return FileReader(job.side, target, fallback=job.fallback, tolerant=job.tolerant)
