"""Run a compiled model and its original on the same inputs, and measure their distance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.batches import Batch, image_batches
from jpegcompile.evaluation.meter import Meter
from jpegcompile.evaluation.rounding import OwnRounding
from jpegcompile.evaluation.spatial import SpatialModel
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.trace import Tracer, tracer_of
from jpegcompile.frontend.load import Source
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.pixel_image import ReadImage
from jpegcompile.jpeg.unusable import ImageReader, OnError, Skipped
from jpegcompile.messages import Message
from jpegcompile.progress import Progress
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.session import Session
from jpegcompile.runtime.views import in_runs, over_views

# Errors at the outputs, inputs kept for the nodes, skipped files, number of pixel fallbacks.
Measured = tuple[Meter, Tracer | None, tuple[Skipped, ...], int]


@dataclass(frozen=True)
class Trial:
    """The models and inputs of a verification; the other attributes are arguments of `verify`.

    Attributes:
        source: the original.
        tolerance: tolerance of the outputs.
        files: JPEG files; if empty, random tensors are used.
    """

    source: Source
    tolerance: Tolerance
    files: Sequence[Path]
    samples: int
    seed: int
    node_inputs: int
    native: bool
    on_error: OnError
    tolerant: bool
    fallback: Fallback
    progress: Progress | None

    def run(self, session: ImageRunner) -> Measured:
        """Measure a compiled model, in batches of its session's batch size.

        Raises:
            RowsError: if an output does not contain one row for each input of a batch.
            UnsupportedModelError: if ONNX Runtime fails.
            UsageError, ImageError, AccessError: as `verify`.
        """
        info = session.info.input
        tracer = tracer_of(session, self.source, self.node_inputs, self.native)
        reader = session.reader(self.on_error, tolerant=self.tolerant, fallback=self.fallback)
        model = SpatialModel(self.source, info, arena=False)
        rounding = OwnRounding(self.source, info, self.tolerance)
        meter = Meter(self.tolerance, info.layout)
        for batch in self._batches(session, reader):
            pillow = None if batch.pillow is None else model.run(batch.pillow)
            meter.outputs(
                model.output_names,
                _outputs(session, batch, self.tolerant),
                model.run(batch.spatial),
                pillow,
                rounding.variants(batch.spatial),
                inputs=len(batch.spatial),
                file=str(batch.files[0]) if batch.files else "",
            )
            if tracer is not None:
                tracer.keep(batch)
            if self.progress is not None:
                done = meter.inputs + len(reader.skipped)
                self.progress(done, len(self.files) or self.samples)
        return meter, tracer, reader.skipped, reader.pixel_fallbacks

    def _batches(self, session: ImageRunner, reader: ImageReader) -> Iterator[Batch]:
        if self.files:
            return image_batches(session, self.files, reader)
        return _random_batches(session, self.samples, self.seed)


def _random_batches(session: ImageRunner, samples: int, seed: int) -> Iterator[Batch]:
    if session.info.input_mode != "tensor":
        text = f"{session.path}: reads JPEG files, and verify has none; give --images FOLDER"
        raise UsageError(Message("verify-without-images", text))
    if samples < 1:
        raise UsageError(Message("samples-out-of-range", f"samples is {samples}; give 1 or more"))
    if seed < 0:
        raise UsageError(Message("seed-out-of-range", f"seed is {seed}; give 0 or more"))
    generator = np.random.default_rng(seed)
    for start in range(0, samples, session.batch_size):
        count = min(session.batch_size, samples - start)
        tensor = generator.standard_normal((count, *session.info.input.shape)).astype(np.float32)
        yield Batch((), (), tensor, None)


def _outputs(session: ImageRunner, batch: Batch, tolerant: bool) -> dict[str, NDArray[Any]]:
    info = session.info
    if info.input_mode == "tensor":
        # Random tensors have no axis of views.
        name, has_views = info.input.name, bool(batch.images) and info.views > 1
        names, run = session.output_names, over_views if has_views else in_runs
        values = run(
            names,
            batch.spatial,
            lambda rows: session.run_feeds({name: rows}),
            session.fixed_batch,
        )
    elif isinstance(session, Session) and _reads_files(session):
        values = _run_files(session, batch, tolerant)
    else:
        values = session.run_read(batch.files, batch.images, tolerant=tolerant)
    return dict(zip(session.output_names, values, strict=True))


def _reads_files(session: Session) -> bool:
    return session.info.input_mode == "jpeg" and session.execution.library is not None


def _run_files(session: Session, batch: Batch, tolerant: bool) -> list[NDArray[Any]]:
    """Return the outputs of a compiled file that reads image files itself.

    The session runs images that the compiled file cannot read.
    """
    images = list(zip(batch.files, batch.images, batch.whole, strict=True))
    taken = [_is_taken(session, image, is_whole) for _, image, is_whole in images]
    if len(images) == 1 and taken[0]:
        return session.run_feeds(session.feeds(batch.files))
    values = session.run_read(batch.files, batch.images, tolerant=tolerant)
    for index, (file, _, _) in enumerate(images):
        if taken[index]:
            for rows, row in zip(values, session.run_feeds(session.feeds([file])), strict=True):
                rows[index] = row[0]
    return values


def _is_taken(session: Session, image: ReadImage, is_whole: bool) -> bool:
    """Whether the compiled file itself can read an image file; it reads no damaged files."""
    if not is_whole or not isinstance(image, Coefficients):
        return False
    return session.info.input.is_preprocessed or session.fits(image)
