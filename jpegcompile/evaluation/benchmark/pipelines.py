"""From the bytes of JPEG files to outputs, in the steps that are timed.

Neither side should lose for want of care: both read the images of a batch with as many threads,
and the spatial one normalises plane by plane in float32.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from jpegcompile.errors import UnsupportedModelError, one_line
from jpegcompile.evaluation.benchmark.job import DECODE, END_TO_END, INGEST, NETWORK, Job
from jpegcompile.evaluation.pillow import pillow_pixels
from jpegcompile.interface import JPEG
from jpegcompile.jpeg.read import read_coefficients_many
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.runtime.input_tensors import coefficient_feeds
from jpegcompile.runtime.native import register
from jpegcompile.runtime.opening import session_options

Array = NDArray[Any]
Outputs = list[Array]


class Stages(Protocol):
    """What can be run of one side."""

    @property
    def network(self) -> Callable[[Any], Outputs]:
        """From the network's input to the outputs."""

    @property
    def end_to_end(self) -> Callable[[Sequence[bytes]], Outputs]:
        """From the bytes of a batch of files to the outputs."""

    def step(self, stage: str, files: Sequence[bytes]) -> Callable[[], object]:
        """What a run of a stage does for a batch of files; everything before it is done here."""


@dataclass(frozen=True)
class Pipeline:
    """The steps of one side, each from what the one before gives.

    Attributes:
        decode: bytes of a batch of files to pixels, or to coefficients.
        ingest: to the network's input.
        network: to the outputs.
        end_to_end: bytes to the outputs.
    """

    decode: Callable[[Sequence[bytes]], Any]
    ingest: Callable[[Any], Any]
    network: Callable[[Any], Outputs]
    end_to_end: Callable[[Sequence[bytes]], Outputs]

    def step(self, stage: str, files: Sequence[bytes]) -> Callable[[], object]:
        """What a run of a stage does for a batch of files; everything before it is done here."""
        if stage == END_TO_END:
            return lambda: self.end_to_end(files)
        if stage == DECODE:
            return lambda: self.decode(files)
        decoded = self.decode(files)
        if stage == INGEST:
            return lambda: self.ingest(decoded)
        assert stage == NETWORK
        begin = self.ingest(decoded)
        return lambda: self.network(begin)


def open_session(
    job: Job,
    path: str,
    folder: str | None,
    profile: Path | None = None,
    *,
    spinning: bool = True,
) -> ort.InferenceSession:
    """A session as a program of ONNX Runtime's would have it, from the file where that is possible.

    Idle threads spin unless it is told otherwise, as is ONNX Runtime's default: without, two
    threads took a fifth longer for a small network. They do so for some 45 ms after a run, which is
    why a process that was told to run answers only when it is quiet (see `worker`).

    Raises:
        UnsupportedModelError: if ONNX Runtime refuses the model.
        AccessError: if CUDA is required and not used.
    """
    options = session_options(
        job.threads, None if folder is None else Path(folder), spinning=spinning
    )
    if job.library is not None and not job.is_original:
        job.providers.configure(options)
        register(options, Path(job.library))
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = os.fspath(profile)
    model = path if folder is None else Path(path).read_bytes()
    try:
        with job.providers.opening():
            session = ort.InferenceSession(model, options, providers=list(job.providers.names))
    except Exception as error:
        raise UnsupportedModelError(
            f"{path}: ONNX Runtime refuses the model: {one_line(error)}"
        ) from error
    job.providers.check(session)
    return session


def run_session(session: ort.InferenceSession, feeds: dict[str, Array]) -> Outputs:
    """All outputs of a session.

    Raises:
        UnsupportedModelError: if ONNX Runtime fails.
    """
    try:
        outputs: Outputs = session.run(None, feeds)
    except Exception as error:
        raise UnsupportedModelError(f"ONNX Runtime fails: {one_line(error)}") from error
    return outputs


def byte_feeds(file: bytes) -> dict[str, Array]:
    """The input of a model that takes the bytes of a file."""
    return {JPEG: np.frombuffer(file, np.uint8)}


def tensor_pipeline(network: Callable[[Array], Outputs]) -> Pipeline:
    """A model that is fed tensors: there is nothing before it."""

    def none(given: Any) -> Any:
        raise AssertionError("tensors are neither decoded nor ingested")

    return Pipeline(none, none, network, none)


def spatial_pipeline(job: Job, session: ort.InferenceSession) -> Pipeline:
    """Pillow's decode, normalisation in NumPy, and the original model."""
    assert job.preprocess is not None
    preprocess, channels = preprocess_of(job.preprocess), job.image.channels
    color, affine = preprocess.color_for(channels), preprocess.affine(channels)
    scale, shift = (v.astype(np.float32)[:, None, None] for v in (affine.scale, affine.shift))
    each = each_by(job.threads)
    network = session_network(session)

    def decode(files: Sequence[bytes]) -> list[NDArray[np.uint8]]:
        return each(lambda file: pillow_pixels(file, color, tolerant=job.tolerant), files)

    def normalize(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = pixels.transpose(2, 0, 1) * scale + shift
        return values.transpose(1, 2, 0) if job.image.layout == "NHWC" else values

    def ingest(images: list[NDArray[np.uint8]]) -> Array:
        return np.stack(each(normalize, images))

    return Pipeline(decode, ingest, network, lambda files: network(ingest(decode(files))))


def compiled_pipeline(
    job: Job,
    session: ort.InferenceSession,
    parts: tuple[ort.InferenceSession, ort.InferenceSession] | None,
) -> Pipeline:
    """Entropy decoding, the batch of coefficients with the ingest in the graph, and the network.

    A model for the bytes of a file has the first in the graph, too, which then runs for each file.

    Args:
        job: of a compiled model that takes coefficients, or bytes.
        session: of the whole file.
        parts: of the graph up to the network and behind it; None if only the whole is run.
    """

    def decode(files: Sequence[bytes]) -> Any:
        return read_coefficients_many(files, threads=job.threads, tolerant=job.tolerant)

    written = job.frame
    assert written is not None

    def ingest(images: Any) -> Array:
        assert parts is not None
        return run_session(parts[0], coefficient_feeds(images, written))[0]

    def network(tensors: Array) -> Outputs:
        assert parts is not None
        return run_session(parts[1], {parts[1].get_inputs()[0].name: tensors})

    def end_to_end(files: Sequence[bytes]) -> Outputs:
        if job.input_mode == "jpeg":
            runs = [run_session(session, byte_feeds(file)) for file in files]
            return [np.concatenate(parts) for parts in zip(*runs, strict=True)]
        return run_session(session, coefficient_feeds(decode(files), written))

    return Pipeline(decode, ingest, network, end_to_end)


def session_network(session: ort.InferenceSession) -> Callable[[Array], Outputs]:
    """The run of a session that takes the network's input."""
    (image,) = session.get_inputs()
    kind = np.float16 if image.type == "tensor(float16)" else np.float32

    def network(tensors: Array) -> Outputs:
        # A model that takes one image without a batch is timed with batches of one.
        values = tensors if tensors.ndim == len(image.shape) else tensors[0]
        return run_session(session, {image.name: values.astype(kind, copy=False)})

    return network


def each_by(threads: int) -> Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]:
    """`map` with so many threads; one item is done where it is, which takes half the time."""
    pool = ThreadPoolExecutor(threads)
    return lambda work, items: list(
        (pool.map if min(threads, len(items)) > 1 else map)(work, items)
    )
