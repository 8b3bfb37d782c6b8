"""Pipelines from the bytes of JPEG files to outputs, in the stages that are timed.

Both sides are as fast as their libraries allow: they read the images of a batch with the same
number of threads, and the spatial side normalizes plane by plane in float32.
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
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.runtime.input_tensors import coefficient_feeds
from jpegcompile.runtime.native import register
from jpegcompile.runtime.opening import session_options

Array = NDArray[Any]
Outputs = list[Array]


class Stages(Protocol):
    """The stages of one side, which can be run separately."""

    @property
    def network(self) -> Callable[[Any], Outputs]:
        """Function from the network's input to the outputs."""

    @property
    def end_to_end(self) -> Callable[[Sequence[bytes]], Outputs]:
        """Function from the bytes of a batch of files to the outputs."""

    def step(self, stage: str, files: Sequence[bytes]) -> Callable[[], object]:
        """Run all earlier stages for a batch of files, and return a function that runs `stage`."""


@dataclass(frozen=True)
class Pipeline:
    """The stages of one side; each stage reads the result of the previous one.

    Attributes:
        decode: converts the bytes of a batch of files to pixels or coefficients.
        ingest: converts pixels or coefficients to the network's input.
        network: computes the outputs.
        end_to_end: computes the outputs from the bytes.
    """

    decode: Callable[[Sequence[bytes]], Any]
    ingest: Callable[[Any], Any]
    network: Callable[[Any], Outputs]
    end_to_end: Callable[[Sequence[bytes]], Outputs]

    def step(self, stage: str, files: Sequence[bytes]) -> Callable[[], object]:
        """See `Stages`."""
        if stage == END_TO_END:
            return lambda: self.end_to_end(files)
        if stage == DECODE:
            return lambda: self.decode(files)
        decoded = self.decode(files)
        if stage == INGEST:
            return lambda: self.ingest(decoded)
        assert stage == NETWORK
        tensors = self.ingest(decoded)
        return lambda: self.network(tensors)


def open_session(
    job: Job,
    path: str,
    folder: str | None,
    profile: Path | None = None,
    *,
    spinning: bool = True,
) -> ort.InferenceSession:
    """Open a session like other programs that use ONNX Runtime, from the file if possible.

    Idle threads spin by default, as in ONNX Runtime. Without spinning, a small network took a fifth
    longer on two threads. Threads spin for about 45 ms after a run, so a worker process answers
    only when they are quiet (see `worker`).

    Args:
        job: side of the benchmark, which sets threads, providers and native kernels.
        path: path of the model.
        folder: folder of its external weights; None if they are next to the model.
        profile: prefix of the file for a profile of nodes; None for no profile.
        spinning: whether idle threads spin.

    Raises:
        UnsupportedModelError: if ONNX Runtime cannot load the model.
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
        text = (
            f"{path}: ONNX Runtime cannot load the model: {one_line(error)}; upgrade onnxruntime,"
            " or export the model again"
        )
        raise UnsupportedModelError(Message("bench-model-not-loaded", text)) from error
    job.providers.check(session)
    return session


def run_session(session: ort.InferenceSession, feeds: dict[str, Array]) -> Outputs:
    """Run a session and return all outputs.

    Raises:
        UnsupportedModelError: if ONNX Runtime fails.
    """
    try:
        outputs: Outputs = session.run(None, feeds)
    except Exception as error:
        text = (
            f"ONNX Runtime failed to run the model: {one_line(error)}; check that the original"
            " runs with such inputs"
        )
        raise UnsupportedModelError(Message("bench-run-failed", text)) from error
    return outputs


def byte_feeds(file: bytes) -> dict[str, Array]:
    """Return the input of a model that reads the bytes of a file."""
    return {JPEG: np.frombuffer(file, np.uint8)}


def tensor_pipeline(network: Callable[[Array], Outputs]) -> Pipeline:
    """Return the pipeline of a model for tensors, which has no stage before the network."""

    def no_stage(_: Any) -> Any:
        raise AssertionError("tensors are neither decoded nor ingested")

    return Pipeline(no_stage, no_stage, network, no_stage)


def spatial_pipeline(
    image: NetworkInput,
    preprocess: Preprocess,
    threads: int,
    network: Callable[[Array], Outputs],
    *,
    tolerant: bool = False,
) -> Pipeline:
    """Return the pipeline with Pillow's decode, normalization in NumPy, and the original model.

    Args:
        image: image input of the model.
        preprocess: preprocessing from pixels to this input, without a resize.
        threads: threads that decode and normalize the images of a batch.
        network: runs the model.
        tolerant: whether to use the readable part of damaged files.
    """
    channels = image.channels
    color, affine = preprocess.color_for(channels), preprocess.affine(channels)
    scale, shift = (v.astype(np.float32)[:, None, None] for v in (affine.scale, affine.shift))
    each = each_by(threads)

    def decode(files: Sequence[bytes]) -> list[NDArray[np.uint8]]:
        return each(lambda file: pillow_pixels(file, color, tolerant=tolerant), files)

    def normalize(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = pixels.transpose(2, 0, 1) * scale + shift
        return values.transpose(1, 2, 0) if image.layout == "NHWC" else values

    def ingest(images: list[NDArray[np.uint8]]) -> Array:
        return np.stack(each(normalize, images))

    return Pipeline(decode, ingest, network, lambda files: network(ingest(decode(files))))


def compiled_pipeline(
    job: Job,
    session: ort.InferenceSession,
    parts: tuple[ort.InferenceSession, ort.InferenceSession] | None,
) -> Pipeline:
    """Return the pipeline of a compiled model: entropy decoding, ingest in the graph, network.

    A model that reads the bytes of a file has entropy decoding in the graph, too. Such a model runs
    once for each file.

    Args:
        job: job of a compiled model that reads coefficients or bytes.
        session: session of the whole graph.
        parts: sessions of the graph before the network and of the network; None if only the whole
            graph is run.
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
    """Return a function that runs a session on the network's input."""
    (image,) = session.get_inputs()
    kind = np.float16 if image.type == "tensor(float16)" else np.float32

    def network(tensors: Array) -> Outputs:
        # A model for one image without a batch dimension is timed with batches of one image.
        values = tensors if tensors.ndim == len(image.shape) else tensors[0]
        return run_session(session, {image.name: values.astype(kind, copy=False)})

    return network


def each_by(threads: int) -> Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]:
    """Return `map` on a pool of threads; a single item runs in the calling thread."""
    pool = ThreadPoolExecutor(threads)
    return lambda work, items: list(
        (pool.map if min(threads, len(items)) > 1 else map)(work, items)
    )
