"""A PyTorch module in the stages that are timed.

A GPU queues its work, so each stage waits for the device before the clock is read. A copy counts
for the stage that needs it: the ingest copies coefficients to the device, and the network copies
outputs to the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from jpegcompile.evaluation.benchmark.ahead import Overlap, Sharing
from jpegcompile.evaluation.benchmark.any_size import (
    AnySizePipeline,
    pixel_fallback,
    tensors_of,
)
from jpegcompile.evaluation.benchmark.job import Job
from jpegcompile.evaluation.benchmark.model import TimedModel
from jpegcompile.evaluation.benchmark.pipelines import (
    Array,
    Outputs,
    Pipeline,
    Stages,
    tensor_pipeline,
)
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pixel_image import ReadImage
from jpegcompile.jpeg.read import read_coefficients_many
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.runtime.triton.load import load_module
from jpegcompile.runtime.triton.module import CompiledModule
from jpegcompile.runtime.triton.photographs import is_for_host


class TimedModule(TimedModel):
    """A module on the current GPU, or on the CPU if Triton interprets kernels."""

    def __init__(self, job: Job, module: CompiledModule) -> None:
        """Store the job and its module."""
        self._job = job
        self._module = module
        self.output_names = module.output_names

    def pipeline(self, *, with_parts: bool) -> Stages:
        """See `TimedModel`; the stages of a module need no further sessions."""
        job, module = self._job, self._module
        if not job.takes_files:
            return tensor_pipeline(self._waiting(self._run_tensors))
        frame, run_image = job.frame, self._waiting(module.run_image)
        assert frame is not None
        if job.is_preprocessed:
            return self._any_size(run_image)
        return Pipeline(
            self._decode,
            self._waiting(lambda images: module.image_of(images, frame)),
            run_image,
            self._waiting(lambda files: module.run_coefficients(self._decode(files))),
        )

    def _any_size(self, run_image: Callable[[Any], Outputs]) -> AnySizePipeline:
        """Return the stages for files of any size; one host thread uses the GPU."""
        job, module = self._job, self._module
        preprocessor = module.preprocessor(tolerant=job.tolerant)
        pixels = pixel_fallback(job)
        reader = ImageReader(
            lambda image, name: None, tolerant=job.tolerant, threads=job.threads, fallback=pixels
        )

        def read(files: Sequence[bytes]) -> Any:
            """Return pixels or coefficients, as `CompiledModule.batches` chooses."""
            if is_for_host(files, job.image):
                return tensors_of(files, preprocessor, pixels)
            return [item.image for item in reader.read(files)]

        def image_of(made: Any) -> torch.Tensor:
            return module.from_pixels(made) if isinstance(made, np.ndarray) else self.image_of(made)

        sharing = Sharing(job.threads, job.threads)
        overlap = Overlap(sharing, read, lambda made: run_image(image_of(made)))
        overlaps = () if job.threads == 1 else (overlap,)
        whole = self._waiting(lambda files: image_of(read(files)))
        return AnySizePipeline(whole, run_image, overlaps)

    def _decode(self, files: Sequence[bytes]) -> list[Coefficients]:
        job = self._job
        return read_coefficients_many(files, threads=job.threads, tolerant=job.tolerant)

    def image_of(self, images: Sequence[ReadImage]) -> torch.Tensor:
        """Return the input of the first kernel for files of any frames, in their order."""
        groups: dict[Frame | None, list[int]] = {}
        for index, image in enumerate(images):
            frame = image.frame if isinstance(image, Coefficients) else None
            groups.setdefault(frame, []).append(index)
        parts = [self._module.image_of([images[i] for i in g], f) for f, g in groups.items()]
        order = np.argsort(np.concatenate(list(groups.values())))
        return parts[0] if len(parts) == 1 else torch.cat(parts)[torch.from_numpy(order)]

    def _run_tensors(self, tensors: Array) -> Outputs:
        return self._module.run_feeds({self._job.image.name: tensors})

    def _waiting(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a step that ends when the device has finished its work."""

        def run(given: Any) -> Any:
            made = step(given)
            if self._module.device.type == "cuda":
                torch.cuda.synchronize(self._module.device)
            return made

        return run


def open_module(job: Job) -> TimedModule:
    """Open the module of a job; PyTorch operators on the CPU use the threads of the job.

    Raises:
        AccessError, UnsupportedModelError: as for `load_module`.
    """
    torch.set_num_threads(job.threads)
    module = load_module(job.model)
    module.threads = job.threads
    return TimedModule(job, module)
