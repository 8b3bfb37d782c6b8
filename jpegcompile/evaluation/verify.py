"""Verify a compiled model against its original: at the outputs and at every lowered node.

What a convolution took in (a sum, an activation) is one operator with it, and is compared as one.
Two errors are kept apart (they have different causes and sizes). The conversion error is measured
against the original fed by the decode that the model is compiled for: float rounding only. The
decoder difference is measured against the original fed by Pillow: its rounding to 8 bits and
clamping.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace

import onnx
from onnx import TensorProto

from jpegcompile.errors import CheckFailedError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.dataset import ImageFiles, jpeg_files
from jpegcompile.evaluation.meter import verification
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.trace import inputs_at_once, suspect_of, tensor_bytes
from jpegcompile.evaluation.trial import Measured, Trial
from jpegcompile.evaluation.verification import OutputError, Verification
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.options import running as option
from jpegcompile.precision import precision_of
from jpegcompile.progress import Progress, no_progress
from jpegcompile.resolution import as_compiled
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
    progress: Progress | None = None,
) -> Verification:
    """Compare a compiled model with its original.

    Args:
        original: the source model.
        compiled: path of the compiled model.
        images: folder of JPEG files; without it a model compiled for tensors
            is verified on random ones.
        samples: number of random tensors (standard normal).
        seed: of the random tensors.
        node_inputs: for how many of the inputs every lowered node is compared. Only files of the
            sampling that the model is compiled for count.
        absolute: an output's error may be this large; without this and the next, what is allowed
            is a multiple of the original's own rounding (`Tolerance`), which is measured.
        relative: or this fraction of the largest magnitude of that output, if that is larger.
        native: whether native kernels run what they can of the compiled model.
        providers: what the compiled model runs on, as for `jpegcompile.load`.
        on_error: what becomes of files that cannot be used: "stop" raises the error of the first;
            "skip" and "report" leave them out, and the result lists them.
        tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
        fallback: "pixels" also takes files of which no coefficients are read, as `Session.run`.
        progress: called with (done, total).

    Raises:
        UsageError: if images are needed and not given, the compiled model was made from another
            original, or a number is out of range.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read.
    """
    for name, value in (("absolute", absolute), ("relative", relative)):
        if value is not None and not 0 <= value < math.inf:
            raise UsageError(f"{name} is {value:g}; give the error that is allowed, 0 or more")
    session = opened(
        compiled, native=native, arena=False, providers=providers, progress=progress or no_progress
    )
    source = original_of(original, session)
    precision = precision_of(session.info.precision)
    tolerance = Tolerance(absolute, relative, is_half_precision(source.model), precision)
    listing = jpeg_files(images, fallback) if images else ImageFiles((), {})
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
    is_exact = session.info.frequencies is None
    # A model that is done with leaves its memory to the nodes.
    del session
    result = verification(meter, is_exact=is_exact)
    if tracer is None:
        return replace(result, skipped=skipped, ignored=listing.ignored, pixel_fallbacks=by_pixels)
    tracer.compare()
    explain = None if result.passed or not is_exact else Tolerance(is_half=tolerance.is_half)
    nodes = tracer.nodes(explain)
    result = verification(
        meter, nodes, traced=tracer.traced, is_exact=is_exact, suspect=suspect_of(nodes)
    )
    return replace(result, skipped=skipped, ignored=listing.ignored, pixel_fallbacks=by_pixels)


def _measured(trial: Trial, session: ImageRunner) -> Measured:
    """What a trial measures, an input at a time where it fails with several.

    Outputs that do not tell inputs apart are compared as wholes, and some models that leave their
    batch open run no other than one.
    """
    try:
        return trial.run(session)
    except (RowsError, UnsupportedModelError):
        if session.batch_size == 1:
            raise
    # Not in the handler: the error keeps all that the first attempt has opened.
    session.batch_size = 1
    return trial.run(session)


def is_half_precision(model: onnx.ModelProto) -> bool:
    """Whether weights of a model are float16: then so are its sums, and so is their rounding."""
    return any(t.data_type == TensorProto.FLOAT16 for t in model.graph.initializer)


def original_of(original: str | os.PathLike[str] | onnx.ModelProto, session: ImageRunner) -> Source:
    """The source of a compiled model, at the resolution that the compiled model runs at.

    Raises:
        UsageError: as `require_same_source`.
        UnsupportedModelError, AccessError: as `load_source`.
    """
    source = load_source(original)
    require_same_source(source, session)
    return as_compiled(source, session.info)


def require_same_source(source: Source, session: ImageRunner) -> None:
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
