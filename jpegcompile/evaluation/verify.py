"""Verify a compiled model against its original, at the outputs and at every lowered node.

A fused convolution with its residual input and activation is compared as one operator.

Two errors are reported separately, because their causes and sizes differ. The conversion error is
measured against the original with the decode that the model is compiled for, so it consists only of
floating-point rounding. The decoder difference is measured against the original with Pillow's
decode, which rounds pixels to 8 bits and clamps them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import onnx
from onnx import TensorProto

from jpegcompile.errors import CheckFailedError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.dataset import ImageFiles, jpeg_files
from jpegcompile.evaluation.meter import Meter, verification
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.trace import Tracer, inputs_at_once, tensor_bytes
from jpegcompile.evaluation.trial import Measured, Trial
from jpegcompile.evaluation.verification import OutputError, Verification
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.messages import Message
from jpegcompile.options import running as option
from jpegcompile.precision import precision_of
from jpegcompile.progress import Progress, no_progress
from jpegcompile.resolution import as_compiled
from jpegcompile.results.merging import Models, RunOptions, Shard, digest_of
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.opened import opened
from jpegcompile.runtime.outputs import RowsError
from jpegcompile.runtime.providers import Asked
from jpegcompile.runtime.session import Session


def verify(
    original: str | os.PathLike[str] | onnx.ModelProto,
    compiled: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    *,
    samples: int = option.SAMPLES.default,
    seed: int = option.SEED.default,
    node_inputs: int = option.NODE_INPUTS.default,
    absolute: float | None = option.ABSOLUTE.default,
    relative: float | None = option.RELATIVE.default,
    native: bool = option.NATIVE.default,
    providers: Asked = option.PROVIDERS.default,
    on_error: OnError = option.ON_ERROR.default,
    tolerant: bool = option.TOLERANT.default,
    fallback: Fallback = option.FALLBACK.default,
    files: Iterable[str | Path] | None = option.CHOSEN_FILES.default,
    shard: Shard | str | tuple[int, int] | None = option.SHARD.default,
    progress: Progress | None = None,
) -> Verification:
    """Compare a compiled model with its original.

    Args:
        original: the source model.
        compiled: path of the compiled model.
        images: folder of JPEG files. Default: random tensors, for a model compiled for tensors.
        samples: number of random tensors (standard normal).
        seed: seed of the random tensors.
        node_inputs: number of inputs for which every lowered node is compared. These are the first
            inputs that have the sampling that the model is compiled for.
        absolute: largest allowed error at an output. Without this and `relative`, the tolerance is
            a multiple of the original's measured rounding error (`Tolerance`).
        relative: largest allowed error as a fraction of the largest magnitude of the output. The
            larger of the two tolerances counts.
        native: whether native kernels run the nodes that they support.
        providers: what the compiled model runs on, as for `jpegcompile.load`.
        on_error: what to do with unusable files: "stop" raises the error of the first one; "skip"
            and "report" skip them, and the result lists them.
        tolerant: whether to use the readable part of damaged files, as `read_coefficients`.
        fallback: "pixels" also reads files without readable coefficients, as `Session.run`.
        files: use only these files of the folder.
        shard: use only part I of N of the files, as "I/N" or (I, N); see `Verification.merge`.
        progress: called with (done, total).

    Raises:
        UsageError: if images are required and not given, the compiled model was compiled from
            another original, or an argument is out of range.
        ImageError: if an image is damaged or has the wrong size.
        AccessError: if a file cannot be read.
    """
    for name, value in (("absolute", absolute), ("relative", relative)):
        if value is not None and not 0 <= value < math.inf:
            text = f"{name} is {value:g}; give the largest allowed error, 0 or more"
            raise UsageError(Message("tolerance-out-of-range", text))
    session = opened(
        compiled, native=native, arena=False, providers=providers, progress=progress or no_progress
    )
    source = original_of(original, session)
    precision = precision_of(session.info.precision)
    tolerance = Tolerance(absolute, relative, is_half_precision(source.model), precision)
    part = None if shard is None else Shard.of(shard)
    listing = _listing(images, fallback, files, part)
    if session.fixed_batch is None and isinstance(session, Session):
        # Each view of an image is an input.
        views, sizes = session.info.views, tensor_bytes(session.model)
        most = inputs_at_once(sizes, views * session.batch_size)
        session.batch_size = max(most // views, 1)
    trial = Trial(
        source,
        tolerance,
        listing.files,
        samples=samples,
        seed=seed,
        node_inputs=node_inputs,
        native=native,
        on_error=on_error,
        tolerant=tolerant,
        fallback=fallback,
        progress=progress,
    )
    meter, tracer, skipped, by_pixels = _measured(trial, session)
    models, is_exact = Models.of(session.info), session.info.frequencies is None
    # Free the session's memory for the comparison of nodes.
    del session
    return replace(
        _traced(meter, tracer, is_exact),
        skipped=skipped,
        ignored=listing.ignored,
        pixel_fallbacks=by_pixels,
        models=models,
        options=RunOptions(native, tolerant, fallback, on_error),
        inputs_digest=digest_of(listing.files or _tensor_names(meter.inputs, seed)),
        shards=() if part is None else (part,),
    )


def _listing(
    images: str | os.PathLike[str] | None,
    fallback: Fallback,
    files: Iterable[str | Path] | None,
    shard: Shard | None,
) -> ImageFiles:
    """Return the files to read; none for random tensors."""
    if not images:
        if files is not None or shard is not None:
            text = "there are no images to choose from; give --images FOLDER, or leave --shard out"
            raise UsageError(Message("shard-of-random-tensors", text))
        return ImageFiles((), {})
    found = jpeg_files(images, fallback)
    return found if files is None and shard is None else found.chosen(files, shard)


def _tensor_names(count: int, seed: int) -> Iterator[str]:
    """Yield names of random tensors."""
    return (f"random tensor {index} of seed {seed}" for index in range(count))


def _traced(meter: Meter, tracer: Tracer | None, is_exact: bool) -> Verification:
    """Judge the outputs and compare the nodes; measure rounding at nodes if an output fails."""
    result = verification(meter, is_exact=is_exact)
    if tracer is None:
        return result
    tracer.compare()
    evidence = None
    if is_exact and not result.passed:
        evidence = tracer.explained(Tolerance(is_half=meter.tolerance.is_half))
    return verification(
        meter, tracer.nodes(), traced=tracer.traced, is_exact=is_exact, evidence=evidence
    )


def _measured(trial: Trial, session: ImageRunner) -> Measured:
    """Run a trial; if it fails with a batch, run it again with one input at a time.

    With one input at a time, outputs need no row for each input. Some models with a dynamic batch
    only run a batch of one.
    """
    try:
        return trial.run(session)
    except (RowsError, UnsupportedModelError):
        if session.batch_size == 1:
            raise
    # Run outside the handler, because the error keeps alive what the first attempt opened.
    session.batch_size = 1
    return trial.run(session)


def is_half_precision(model: onnx.ModelProto) -> bool:
    """Whether weights of a model are float16, so that its sums are rounded to float16, too."""
    return any(t.data_type == TensorProto.FLOAT16 for t in model.graph.initializer)


def original_of(original: str | os.PathLike[str] | onnx.ModelProto, session: ImageRunner) -> Source:
    """Return the source of a compiled model, at the size that the compiled model runs at.

    Args:
        original: the source model.
        session: session of the compiled model.

    Raises:
        UsageError: as `require_same_source`.
        UnsupportedModelError, AccessError: as `load_source`.
    """
    source = load_source(original)
    require_same_source(source, session)
    return as_compiled(source, session.info)


def require_same_source(source: Source, session: ImageRunner) -> None:
    """Refuse to compare a compiled model with a model other than its source.

    Raises:
        UsageError: if the hashes differ, or the model has inputs besides the image.
    """
    if session.info.source_sha256 != source.sha256:
        text = (
            f"{session.path}: was compiled from another model (sha256"
            f" {session.info.source_sha256[:12]}..., the given original has"
            f" {source.sha256[:12]}...); give the model that it was compiled from"
        )
        raise UsageError(Message("original-differs", text))
    others = [v.name for v in source.model.graph.input if v.name != session.info.input.name]
    if others:
        text = (
            f"{source.name}: has the input '{others[0]}' besides the image; verify, compare and"
            " bench require models whose only input is the image"
        )
        raise UsageError(Message("original-has-other-inputs", text))


def require_passed(result: Verification) -> None:
    """Raise an error if a verification failed.

    Raises:
        CheckFailedError: if an output fails. The message names the first such output.
    """
    for output in result.outputs:
        fault = _fault(result, output)
        if fault is not None:
            text = f"output '{output.name}': {fault}; {_likely(result, output)}"
            raise CheckFailedError(Message(fault.code, text))


def _fault(result: Verification, output: OutputError) -> Message | None:
    """Return the fault of an output; None if the output passes."""
    if output.shapes is not None:
        actual, expected = (list(shape) for shape in output.shapes)
        text = f"has shape {actual}, and the original's has {expected}"
        return Message("output-shape-differs", text)
    if not output.conversion <= output.allowed:
        text = f"conversion error {output.conversion:.3g} is above {output.allowed:.3g}"
        return Message("conversion-error-above-tolerance", text)
    if not output.is_within:
        text = (
            f"{output.jumps} of {output.entries} entries differ from the original's, and rounding"
            f" explains {output.own_jumps} of them"
        )
        return Message("output-jumps", text)
    if not result.agrees(output):
        text = (
            f"top-1 agrees on only {output.same_top1} of {result.inputs} inputs, and"
            f" {output.near_ties} of the others are near-ties"
        )
        return Message("top1-differs", text)
    return None


def _likely(result: Verification, output: OutputError) -> str:
    """Return the likely cause, and what to do."""
    if not result.is_exact:
        # Few frequencies change answers on purpose; compare measures the loss of accuracy.
        return "the model was compiled to approximate (--frequencies, --truncate): use compare"
    if result.suspect is not None:
        return (
            f"node '{result.suspect}' is the first whose error is larger than the rounding before"
            " it explains: this is likely a defect there, please report it"
        )
    if output.is_undetermined:
        return (
            "rounding changes most entries of the original itself, so verify cannot decide; use"
            " compare"
        )
    if not result.inputs_for_nodes:
        return "no node was compared: run jpegcompile verify to find the cause"
    return (
        "every compared node is within its rounding error: the network amplifies rounding, or the"
        " fault is after the last node; if the error is tolerable, give --absolute or --relative"
    )
