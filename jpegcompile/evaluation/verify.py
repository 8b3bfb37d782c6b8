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
from numpy.typing import NDArray
from onnx import TensorProto

from jpegcompile.errors import CheckFailedError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.batches import Batch, image_batches
from jpegcompile.evaluation.dataset import ImageFiles, jpeg_files
from jpegcompile.evaluation.measure import OutputError, Verification
from jpegcompile.evaluation.meter import Meter, verification
from jpegcompile.evaluation.rounding import OwnRounding
from jpegcompile.evaluation.spatial import SpatialModel
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.trace import Tracer, inputs_at_once, suspect_of, tensor_bytes
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.runtime.batch import RowsError
from jpegcompile.runtime.inputs import fits_inputs
from jpegcompile.runtime.reading import OnError, Skipped
from jpegcompile.runtime.session import Session

Progress = Callable[[int, int], None]


def verify(
    original: str | os.PathLike[str] | onnx.ModelProto,
    compiled: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    *,
    samples: int = 64,
    seed: int = 0,
    node_inputs: int = 16,
    absolute: float | None = None,
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
        absolute: an output's error may be this large; without this and the next, what is allowed
            is a multiple of the original's own rounding (`Tolerance`), which is measured.
        relative: or this fraction of the largest magnitude of that output, if that is larger.
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
    for name, value in (("absolute", absolute), ("relative", relative)):
        if value is not None and not 0 <= value < math.inf:
            raise UsageError(f"{name} is {value:g}; give the error that is allowed, 0 or more")
    session = Session(compiled, native=native, arena=False)
    source = load_source(original)
    require_same_source(source, session)
    tolerance = Tolerance(absolute, relative, is_half_precision(source.model))
    listing = jpeg_files(images) if images else ImageFiles((), {})
    files = listing.files

    if session.fixed_batch is None:
        session.batch_size = inputs_at_once(tensor_bytes(session.model), session.batch_size)

    def measured(opened: Session) -> tuple[Meter, Tracer, tuple[Skipped, ...]]:
        tracer = Tracer(opened, source, node_inputs, native)
        reader = opened.reader(on_error, tolerant=tolerant)
        batches = (
            image_batches(opened, files, reader)
            if files
            else _random_batches(opened, samples, seed)
        )

        def report(done: int) -> None:
            if progress is not None:
                progress(done + len(reader.skipped), len(files) or samples)

        meter = _outputs_measured(opened, source, batches, tolerance, tracer, report)
        return meter, tracer, reader.skipped

    try:
        meter, tracer, skipped = measured(session)
    except (RowsError, UnsupportedModelError):
        if session.batch_size == 1:
            raise
        # Outputs that do not tell inputs apart are compared as wholes, an input at a time; and some
        # models that leave their batch open run no other.
        session.batch_size = 1
        meter, tracer, skipped = measured(session)
    is_exact = session.info.frequencies is None
    # A model that is done with leaves its memory to the nodes.
    del session
    tracer.compare()
    result = verification(meter, is_exact=is_exact)
    explain = None if result.passed or not is_exact else Tolerance(is_half=tolerance.is_half)
    nodes = tracer.nodes(explain)
    result = verification(
        meter, nodes, traced=tracer.traced, is_exact=is_exact, suspect=suspect_of(nodes)
    )
    return replace(result, skipped=skipped, ignored=listing.ignored)


def _outputs_measured(
    session: Session,
    source: Source,
    batches: Iterator[Batch],
    tolerance: Tolerance,
    tracer: Tracer,
    report: Callable[[int], None],
) -> Meter:
    """The errors at the outputs for all batches, which the tracer keeps as far as it wants."""
    info = session.info.input
    model = SpatialModel(source, info, arena=False)
    rounding = OwnRounding(source, info, tolerance)
    meter = Meter(tolerance, info.layout)
    for batch in batches:
        pillow = None if batch.pillow is None else model.run(batch.pillow)
        meter.outputs(
            model.output_names,
            _outputs(session, batch),
            model.run(batch.spatial),
            pillow,
            rounding.variants(batch.spatial),
            inputs=len(batch.spatial),
        )
        tracer.keep(batch)
        report(meter.inputs)
    return meter


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
    for output in result.outputs:
        fault = _fault(result, output)
        if fault is not None:
            raise CheckFailedError(f"output '{output.name}': {fault}; {_likely(result, output)}")


def _fault(result: Verification, output: OutputError) -> str | None:
    """What is wrong at an output; None if nothing is."""
    if output.shapes is not None:
        actual, expected = (list(shape) for shape in output.shapes)
        return f"has shape {actual} where the original's has {expected}"
    if not output.conversion <= output.allowed:
        return f"conversion error {output.conversion:.3g} is above {output.allowed:.3g}"
    if not output.is_within:
        return (
            f"{output.jumps} of {output.entries} entries are not the original's,"
            f" {output.own_jumps} of which rounding could move"
        )
    if not result.agrees(output):
        return (
            f"top-1 agrees on {output.same_top1} of {result.inputs} inputs only, and is a near-tie"
            f" on {output.near_ties}"
        )
    return None


def _likely(result: Verification, output: OutputError) -> str:
    """The likely cause, and what to do."""
    if not result.is_exact:
        # Few frequencies are meant to change answers; what that costs is a matter of accuracy.
        return "the model was compiled to approximate (--frequencies, --truncate): use compare"
    if result.suspect is not None:
        return (
            f"node '{result.suspect}' is the first whose error the rounding before it does not"
            " explain: likely a defect there, please report it"
        )
    if output.is_undetermined:
        return (
            "rounding moves most of the original's own answers, so nothing can be verified here;"
            " use compare"
        )
    if not result.inputs_for_nodes:
        return "no node was compared: look for the cause with jpegcompile verify"
    return (
        "every compared node errs by no more than rounding: the network amplifies that, or what"
        " follows the last node is at fault; if the error is tolerable, give --absolute or"
        " --relative"
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
    if len(batch.files) == 1 and fits_inputs(batch.coefficients[0], session.info.input):
        return session.run_feeds(session.feeds(batch.files))
    values = session.run_coefficients(batch.coefficients)
    images = zip(batch.files, batch.coefficients, batch.whole, strict=True)
    for index, (file, image, is_whole) in enumerate(images):
        # JpegDecode refuses damaged files; a session reads what is left of them.
        if is_whole and fits_inputs(image, session.info.input):
            for rows, row in zip(values, session.run_feeds(session.feeds([file])), strict=True):
                rows[index] = row[0]
    return values
