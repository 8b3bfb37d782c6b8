"""Profiles of the nodes of a model in ONNX Runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnxruntime as ort

from jpegcompile.evaluation.benchmark.any_size import network_file, preprocessor_reader
from jpegcompile.evaluation.benchmark.job import Job
from jpegcompile.evaluation.benchmark.operators import NodeTime, node_times
from jpegcompile.evaluation.benchmark.pipelines import (
    byte_feeds,
    open_session,
    run_session,
    session_network,
)
from jpegcompile.jpeg.read import read_coefficients_many
from jpegcompile.runtime.input_tensors import coefficient_feeds

_WARM_UP = 2


def profile(job: Job, runs: int) -> list[NodeTime]:
    """Return the times of all nodes of a model for a batch, the slowest first.

    Args:
        job: job of a model in ONNX Runtime, for which a new session is opened.
        runs: number of batches that count.
    """
    with tempfile.TemporaryDirectory(prefix="jpegcompile-bench-") as folder:
        session = open_session(job, *network_file(job), Path(folder) / "profile")
        steps = _steps(job, session)
        for _ in range(runs + _WARM_UP):
            for step in steps:
                step()
        return node_times(Path(session.end_profiling()), runs + _WARM_UP, _WARM_UP)


def _steps(job: Job, session: ort.InferenceSession) -> list[Callable[[], object]]:
    """Return functions that run a batch: one for each file of bytes, otherwise a single one."""
    inputs = job.sets[0]
    if not job.takes_files or job.is_original:
        return [partial(session_network(session), next(inputs.tensor_batches(job.batch)))]
    files = inputs.file_batches(job.batch)[0]
    if job.is_preprocessed:
        (image,) = session.get_inputs()
        return [partial(run_session, session, {image.name: preprocessor_reader(job)(files)})]
    if job.input_mode == "jpeg":
        return [partial(run_session, session, byte_feeds(file)) for file in files]
    assert job.frame is not None
    images = read_coefficients_many(files, threads=job.threads, tolerant=job.tolerant)
    return [partial(run_session, session, coefficient_feeds(images, job.frame))]
