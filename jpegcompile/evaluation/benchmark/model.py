"""The model of one side, as the worker process opens it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

from jpegcompile.evaluation.benchmark.job import COMPILED, Job
from jpegcompile.evaluation.benchmark.pipelines import (
    Stages,
    compiled_pipeline,
    open_session,
    session_network,
    spatial_pipeline,
    tensor_pipeline,
)
from jpegcompile.gpu.folder import is_module_folder
from jpegcompile.preprocessing.reading import preprocess_of


class TimedModel(ABC):
    """An opened model.

    Attributes:
        output_names: names of the outputs, in the order of the source model.
    """

    output_names: list[str]

    @abstractmethod
    def pipeline(self, *, with_parts: bool) -> Stages:
        """Return the stages of the model.

        Args:
            with_parts: whether to open the sessions that run stages separately.
        """


class OnnxModel(TimedModel):
    """A model in ONNX Runtime."""

    def __init__(self, job: Job) -> None:
        """Open a session of the model."""
        self._job = job
        self._session = open_session(job, job.model, job.folder)
        self.output_names = [output.name for output in self._session.get_outputs()]

    def pipeline(self, *, with_parts: bool) -> Stages:
        """See `TimedModel`."""
        job = self._job
        if not job.takes_files:
            return tensor_pipeline(session_network(self._session))
        if job.is_original:
            assert job.preprocess is not None
            preprocess, network = preprocess_of(job.preprocess), session_network(self._session)
            return spatial_pipeline(
                job.image, preprocess, job.threads, network, tolerant=job.tolerant
            )
        parts = None
        if with_parts:
            assert job.ingest is not None
            assert job.network is not None
            first = open_session(job, job.ingest, job.parts_folder)
            parts = first, open_session(job, job.network, job.parts_folder)
        return compiled_pipeline(job, self._session, parts)


def opener_of(job: Job) -> Callable[[], TimedModel]:
    """Return a function that opens the model of a job.

    This function imports the modules that the model needs, so that opening does not include the
    time of imports.
    """
    if job.side == COMPILED and is_module_folder(job.model):
        from jpegcompile.evaluation.benchmark.module import open_module

        return partial(open_module, job)
    if job.is_preprocessed:
        from jpegcompile.evaluation.benchmark.any_size import opener

        return opener(job)
    return partial(OnnxModel, job)
