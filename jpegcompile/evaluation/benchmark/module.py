"""A module of PyTorch in the steps that are timed.

A GPU queues its work, so each step waits for the device before the clock is read. Copies belong to
the step that needs them: of coefficients to the device to the ingest, of outputs to the host to the
network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from jpegcompile.evaluation.benchmark.job import Job
from jpegcompile.evaluation.benchmark.model import TimedModel
from jpegcompile.evaluation.benchmark.pipelines import Array, Outputs, Pipeline, tensor_pipeline
from jpegcompile.jpeg.read import read_coefficients_many
from jpegcompile.runtime.triton.load import load_module
from jpegcompile.runtime.triton.module import CompiledModule


class TimedModule(TimedModel):
    """A module on the current GPU, or on the CPU where Triton interprets kernels."""

    def __init__(self, job: Job, module: CompiledModule) -> None:
        """`module` is that of the job."""
        self._job = job
        self._module = module
        self.output_names = module.output_names

    def pipeline(self, *, with_parts: bool) -> Pipeline:
        """See `TimedModel`; the parts of a module need no opening."""
        job, module = self._job, self._module
        if not job.takes_files:
            return tensor_pipeline(self._waiting(self._run_tensors))
        frame = job.frame
        assert frame is not None

        def decode(files: Sequence[bytes]) -> Any:
            return read_coefficients_many(files, threads=job.threads, tolerant=job.tolerant)

        return Pipeline(
            decode,
            self._waiting(lambda images: module.image_of(images, frame)),
            self._waiting(module.run_image),
            self._waiting(lambda files: module.run_coefficients(decode(files))),
        )

    def _run_tensors(self, tensors: Array) -> Outputs:
        return self._module.run_feeds({self._job.image.name: tensors})

    def _waiting(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The step, done when the device has done its work."""

        def run(given: Any) -> Any:
            made = step(given)
            if self._module.device.type == "cuda":
                torch.cuda.synchronize(self._module.device)
            return made

        return run


def open_module(job: Job) -> TimedModule:
    """The module of a job; PyTorch's operators on the CPU get the threads of the job.

    Raises:
        AccessError, UnsupportedModelError: as `load_module`.
    """
    torch.set_num_threads(job.threads)
    module = load_module(job.model)
    module.threads = job.threads
    return TimedModule(job, module)
