"""Verify a compiled model against its original: at the outputs and at every lowered node.

What a convolution took in (a sum, an activation) is one operator with it, and is compared as one.
Two errors are kept apart (they have different causes and sizes). The conversion error is measured
against the original fed by the float decode: float rounding only. The decoder difference is
measured against the original fed by Pillow: its rounding to 8 bits and clamping.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto

from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.evaluation.batches import Batch, image_batches
from jpegcompile.evaluation.dataset import ImageFiles, jpeg_files
from jpegcompile.evaluation.measure import Meter, Verification
from jpegcompile.evaluation.spatial import SpatialModel
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.runtime.batch import run_batch
from jpegcompile.runtime.cut import expose
from jpegcompile.runtime.inputs import coefficient_feeds, fits_inputs
from jpegcompile.runtime.opening import inference_session
from jpegcompile.runtime.reading import OnError
from jpegcompile.runtime.session import Session

Progress = Callable[[int, int], None]

ABSOLUTE_TOLERANCE = 2e-4
RELATIVE_TOLERANCE = 1e-5
# Float16 has 13 bits less; ResNet-50 converted in it differs from itself by 0.008.
HALF_TOLERANCE = 0.02
# Every activation of both models is held at once while nodes are compared.
_TRACE_BATCH = 2


def verify(
    original: str | os.PathLike[str] | onnx.ModelProto,
    compiled: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    *,
    samples: int = 64,
    seed: int = 0,
    node_inputs: int = 16,
    absolute: float = ABSOLUTE_TOLERANCE,
    relative: float | None = None,
    native: bool = True,
    on_error: OnError = "stop",
    tolerant: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Compare a compiled model with its original.

    Args:
        original: the source model.
        compiled: path of the compiled model.
        images: folder of JPEG files of the network's size; without it a model compiled for tensors
            is verified on random ones.
        samples: number of random tensors (standard normal).
        seed: of the random tensors.
        node_inputs: for how many of the inputs every lowered node is compared. Only files of the
            sampling that the model is compiled for count.
        absolute: an output's error may be this large,
        relative: or this fraction of the largest magnitude of that output, if that is larger; if
            not given, 1e-5, and 0.02 where the network is in float16.
        native: whether native kernels run what they can of the compiled model.
        on_error: what becomes of files that cannot be used: "stop" raises the error of the first;
            "skip" and "report" leave them out, and the result lists them.
        tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
        progress: called with (done, total).

    Raises:
        UsageError: if images are needed and not given, the compiled model was made from another
            original, or a number is out of range.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read.
    """
    session = Session(compiled, native=native)
    is_half = is_half_precision(session.model)
    if relative is None:
        relative = HALF_TOLERANCE if is_half else RELATIVE_TOLERANCE
    for name, value in (("absolute", absolute), ("relative", relative)):
        if not 0 <= value < math.inf:
            raise UsageError(f"{name} is {value:g}; give the error that is allowed, 0 or more")
    source = load_source(original)
    require_same_source(source, session)
    model = SpatialModel(source, session.info.input)
    makers = {name: node.name for node in session.model.graph.node for name in node.output}
    meter = Meter(session.info.tensors, makers)
    tracer = _Tracer(session, source, meter, node_inputs, native)
    listing = jpeg_files(images) if images else ImageFiles((), {})
    reader = session.reader(on_error, tolerant=tolerant)
    files = listing.files
    batches = (
        image_batches(session, files, reader) if files else _random_batches(session, samples, seed)
    )
    for batch in batches:
        actual = _outputs(session, batch)
        pillow = None if batch.pillow is None else model.run(batch.pillow)
        meter.outputs(model.output_names, actual, model.run(batch.spatial), pillow)
        tracer.take(batch)
        meter.inputs += len(batch.spatial)
        if progress is not None:
            progress(meter.inputs + len(reader.skipped), len(files) or samples)
    is_exact = session.info.frequencies is None
    result = meter.result(absolute, relative, is_exact=is_exact, is_half=is_half)
    return replace(result, skipped=reader.skipped, ignored=listing.ignored)


def is_half_precision(model: onnx.ModelProto) -> bool:
    """Whether weights of a model are float16: then so are its sums, and so is their rounding."""
    return any(t.data_type == TensorProto.FLOAT16 for t in model.graph.initializer)


def require_same_source(source: Source, session: Session) -> None:
    """Refuse to compare a compiled model with anything but its own source.

    Raises:
        UsageError: if the hashes differ, or the model has inputs besides the image.
    """
    if session.info.source_sha256 != source.sha256:
        raise UsageError(
            f"{session.path}: was compiled from another model (sha256"
            f" {session.info.source_sha256[:12]}..., the original given has"
            f" {source.sha256[:12]}...); give the model that it was compiled from"
        )
    others = [v.name for v in source.model.graph.input if v.name != session.info.input.name]
    if others:
        raise UsageError(
            f"{source.name}: takes '{others[0]}' besides the image;"
            " verify and compare are for models whose only input is the image"
        )


def require_passed(result: Verification) -> None:
    """Turn a failed verification into the error of a failed check.

    Raises:
        CheckFailedError: naming the first output that is out of tolerance.
    """
    # Few frequencies are meant to change answers; what that costs is a matter of accuracy.
    advice = "look at the nodes with the largest errors"
    if not result.is_exact:
        advice = "the model was compiled to approximate (--frequencies, --truncate): use compare"
    for output in result.outputs:
        if not output.is_within:
            raise CheckFailedError(
                f"output '{output.name}': conversion error {output.conversion:.3g} is above"
                f" {output.allowed:.3g}; {advice}"
            )
        if not result.agrees(output):
            raise CheckFailedError(
                f"output '{output.name}': top-1 agrees on {output.same_top1} of {result.inputs}"
                f" inputs only; {advice}"
            )


def _random_batches(session: Session, samples: int, seed: int) -> Iterator[Batch]:
    info = session.info.input
    if info.mode != "tensor":
        raise UsageError(
            f"{session.path}: takes JPEG files, so verify needs some: give --images FOLDER"
        )
    if samples < 1:
        raise UsageError(f"samples is {samples}; give 1 or more")
    if seed < 0:
        raise UsageError(f"seed is {seed}; give 0 or more")
    generator = np.random.default_rng(seed)
    plane = (info.height, info.width)
    shape = (*plane, info.channels) if info.layout == "NHWC" else (info.channels, *plane)
    for start in range(0, samples, session.batch_size):
        count = min(session.batch_size, samples - start)
        tensor = generator.standard_normal((count, *shape)).astype(np.float32)
        yield Batch((), (), tensor, None)


def _outputs(session: Session, batch: Batch) -> dict[str, NDArray[Any]]:
    info = session.info.input
    if info.mode == "tensor":
        values = session.run_feeds({info.name: batch.spatial})
    elif info.mode == "jpeg" and session.execution.library is not None:
        values = _run_files(session, batch)
    else:
        values = session.run_coefficients(batch.coefficients)
    return dict(zip(session.output_names, values, strict=True))


def _run_files(session: Session, batch: Batch) -> list[NDArray[Any]]:
    """Outputs by the whole file, JpegDecode included, of images that it takes as they are.

    The others go the way that a session takes with all.
    """
    values = session.run_coefficients(batch.coefficients)
    images = zip(batch.files, batch.coefficients, batch.whole, strict=True)
    for index, (file, image, is_whole) in enumerate(images):
        # JpegDecode refuses damaged files; a session reads what is left of them.
        if is_whole and fits_inputs(image, session.info.input):
            for rows, row in zip(values, session.run_feeds(session.feeds([file])), strict=True):
                rows[index] = row[0]
    return values


class _Tracer:
    """Compares every jpeg-domain tensor with its twin, for the first inputs."""

    def __init__(
        self, session: Session, source: Source, meter: Meter, most: int, native: bool
    ) -> None:
        twins = {tensor: twin for tensor, (_, twin) in session.info.tensors.items()}
        self._session = session
        self._meter = meter
        self._most = most
        self._step = session.fixed_batch or _TRACE_BATCH
        exposed = expose(session.model, twins)
        self._compiled: ort.InferenceSession = inference_session(
            exposed, folder=session.folder, native=native
        )
        self._original = SpatialModel(source, session.info.input, twins.values())

    def take(self, batch: Batch) -> None:
        """Compare as many inputs of a batch as are still wanted."""
        info = self._session.info.input
        usable = [
            index
            for index in range(len(batch.spatial))
            if info.mode == "tensor" or fits_inputs(batch.coefficients[index], info)
        ]
        usable = usable[: max(self._most - self._meter.traced, 0)]
        names = [output.name for output in self._compiled.get_outputs()]
        for start in range(0, len(usable), self._step):
            chunk = usable[start : start + self._step]
            spatial = batch.spatial[chunk]
            feeds: dict[str, Any] = {info.name: spatial}
            if info.mode != "tensor":
                feeds = coefficient_feeds([batch.coefficients[i] for i in chunk], info)
            values = run_batch(
                self._compiled, names, feeds, self._session.fixed_batch, has_batch=info.has_batch
            )
            actual = dict(zip(names, values, strict=True))
            expected = {**self._original.run(spatial), info.name: spatial}
            self._meter.nodes(actual, expected, len(chunk))
