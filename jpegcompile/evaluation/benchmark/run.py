"""The function `bench`, which checks both pipelines and times them in interleaved rounds."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.benchmark.input_sets import gather
from jpegcompile.evaluation.benchmark.job import InputSet
from jpegcompile.evaluation.benchmark.job_templates import job_templates
from jpegcompile.evaluation.benchmark.results import Benchmark
from jpegcompile.evaluation.benchmark.rivals.readable import readable
from jpegcompile.evaluation.benchmark.rivals.registry import Chosen, chosen_rivals
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.evaluation.benchmark.timer import Timer
from jpegcompile.evaluation.verify import original_of
from jpegcompile.frontend.load import Source
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.messages import Message
from jpegcompile.options import running as option
from jpegcompile.processors import available_processors
from jpegcompile.progress import Progress, Steps, no_progress
from jpegcompile.resolution import network_of
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.native import Execution, execution_of
from jpegcompile.runtime.opened import opened
from jpegcompile.runtime.opening import read_compiled
from jpegcompile.runtime.providers import Asked, Providers, providers_for
from jpegcompile.runtime.session import Session

if TYPE_CHECKING:
    from jpegcompile.runtime.triton.execution import ModuleExecution
    from jpegcompile.runtime.triton.module import CompiledModule

BATCHES = (1, 8)


def bench(
    original: str | os.PathLike[str],
    compiled: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    *,
    batches: Sequence[int] | None = option.BATCHES.default,
    threads: Sequence[int] = option.THREADS.default,
    rounds: int = option.ROUNDS.default,
    seconds: float = option.SECONDS.default,
    per_op: bool = option.PER_OP.default,
    portable: bool = option.PORTABLE.default,
    providers: Asked = option.PROVIDERS.default,
    on_error: OnError = option.ON_ERROR.default,
    tolerant: bool = option.TOLERANT.default,
    fallback: Fallback = option.FALLBACK.default,
    rivals: Sequence[str] | None = option.RIVALS.default,
    progress: Progress | None = None,
) -> Benchmark:
    """Time the original model with Pillow and NumPy against the compiled model.

    For images of any size, the original is timed with several file readers, and the overlap of
    reading and network is timed, too. If the original has its own preprocessing nodes, both sides
    run the network after them, and the readers replace them.

    Args:
        original: path of the source model.
        compiled: path of the compiled model, a file or the folder of a module.
        images: folder of JPEG files. They must have the network's size unless the model reads any
            size. Default: generated files of quality 75 and 90 for models for coefficients, random
            tensors for models for tensors.
        batches: batch sizes; 1 and 8 by default, or the fixed batch size of the model.
        threads: threads of ONNX Runtime or PyTorch, and of decoding; every number is timed with
            every batch size.
        rounds: number of measurements of each side.
        seconds: time of a measurement; each side runs at least once.
        per_op: whether to time every node, too.
        portable: whether to time the compiled model without native kernels, too.
        providers: execution providers of ONNX Runtime for both models, as for `jpegcompile.load`.
        on_error: what to do with unusable files. "stop" raises the error of the first one that is
            read; "skip" and "report" read all files and list the unusable ones in the result.
        tolerant: whether to use the readable part of damaged files, as `read_coefficients`.
        fallback: "pixels" also times files without readable coefficients, which Pillow decodes as
            in `Session.run`. This applies to models for tensors and for files of any size. Models
            for coefficients of one size leave such files out.
        rivals: names of file readers for the original: "pillow", "pillow-box", "simplejpeg+opencv",
            "torchvision". By default all that are installed.
        progress: called with (done, total).

    Raises:
        CheckFailedError: if outputs differ from the original's; nothing is timed then.
        UsageError: if arguments do not fit the models.
        ImageError: if an image is damaged or has another size.
        AccessError: if an image cannot be read.
        UnsupportedModelError: if a model cannot be run.
    """
    _require_positive(batches or (), threads, rounds, seconds)
    with tempfile.TemporaryDirectory(prefix="jpegcompile-bench-") as name:
        session = opened(compiled, threads=1, providers=providers, progress=progress or no_progress)
        source = original_of(original, session)
        if session.info.feeds_whole_images:
            # Images of several sizes cannot form a batch, so the readers resize them.
            source = network_of(source, session.info)
        _require_timed(session, per_op, portable)
        chosen = _rivals(session, rivals)
        sizes = _batch_sizes(session, source, batches)
        inputs = gather(
            session, images, sizes, Path(name), on_error, tolerant=tolerant, fallback=fallback
        )
        path = os.fspath(original)
        used = _providers(session, original, providers)
        if chosen.rivals:
            chosen = readable(
                chosen,
                Target(session.info.input, session.preprocess),
                [file for one in inputs.sets for file in one.files],
                is_named=rivals is not None,
                fallback=fallback,
                tolerant=tolerant,
            )
        templates = job_templates(
            session,
            source,
            path,
            inputs,
            Path(name),
            portable,
            tolerant,
            used,
            tuple(chosen.rivals),
            fallback,
        )
        execution, mode = _execution_of(session), session.info.input_mode
        # Free their memory before the workers are timed.
        del session, source
        jobs = [templates.at(batch, count) for batch in sizes for count in threads]
        steps = Steps(progress, sum((2 + rounds) * len(sides) for sides in jobs))
        timer = Timer(templates, rounds, seconds, per_op, steps)
        cells = tuple(timer.cell(sides) for sides in jobs)
        return Benchmark(
            original=os.fspath(original),
            compiled=os.fspath(compiled),
            mode=mode,
            execution=execution,
            cpus=available_processors(),
            onnxruntime=ort.__version__,
            rounds=rounds,
            inputs={s.name: (len(np.load(s.tensors, "r")), _mean_bytes(s)) for s in inputs.sets},
            files=inputs.files,
            left_out=inputs.left_out,
            cells=cells,
            skipped=inputs.skipped,
            ignored=inputs.ignored,
            pixel_fallbacks=inputs.pixel_fallbacks,
            left_out_pixels=inputs.left_out_pixels,
            rivals=chosen.rivals,
            left_out_rivals=chosen.left_out,
            read_by_pillow=chosen.read_by_pillow,
        )


def _rivals(session: ImageRunner, names: Sequence[str] | None) -> Chosen:
    """Return the readers to time if files have any size.

    Raises:
        UsageError: if a named reader cannot be used.
    """
    taken = session.info.input
    if taken.is_preprocessed:
        return chosen_rivals(names, taken.geometry)
    if names is not None:
        text = (
            f"{session.path}: --rivals applies only to models that read images of any size; leave"
            " it out, or compile with a --preprocess that resizes"
        )
        raise UsageError(Message("bench-rivals-not-applicable", text))
    return Chosen({}, {})


def _require_timed(session: Session | CompiledModule, per_op: bool, portable: bool) -> None:
    """Check that the model has what the options time.

    Raises:
        UsageError: if it does not; the message names the option.
    """
    if isinstance(session, Session):
        if portable and not session.target.keeps_operators:
            text = f"{session.path}: has standard operators only; leave --portable out"
            raise UsageError(Message("bench-no-native-kernels", text))
        return
    if portable:
        text = (
            f"{session.path}: is a PyTorch module, which has no function bodies; leave --portable"
            " out"
        )
        raise UsageError(Message("bench-module-not-portable", text))
    if per_op:
        text = (
            f"{session.path}: is a PyTorch module, and only ONNX Runtime times single nodes; leave"
            " --per-op out"
        )
        raise UsageError(Message("bench-module-not-profiled", text))


def _execution_of(session: Session | CompiledModule) -> Execution | ModuleExecution:
    """Return what executes the nodes of the compiled model in the worker process."""
    if not isinstance(session, Session):
        return session.execution
    if session.info.input_mode == "jpeg" and session.execution.library is not None:
        # The worker runs the whole file, as any program does.
        whole, ran = execution_of(read_compiled(session.path)[0]), session.execution
        return whole.on_cuda(frozenset(ran.for_cuda)) if ran.is_on_cuda else whole
    return session.execution


def _providers(session: ImageRunner, original: str | os.PathLike[str], asked: Asked) -> Providers:
    """Return the providers for both models, or for the original if the other is a module."""
    if isinstance(session, Session):
        return session.execution_providers
    return providers_for(asked, original, native=False)


def _batch_sizes(
    session: ImageRunner, source: Source, wanted: Sequence[int] | None
) -> Sequence[int]:
    """Return the batch sizes to time.

    Raises:
        UsageError: if a fixed-batch model cannot run one of the given sizes.
    """
    image = next(v for v in source.model.graph.input if v.name == session.info.input.name)
    fixed = image.type.tensor_type.shape.dim[0].dim_value or session.fixed_batch
    if not fixed:
        return wanted or BATCHES
    if wanted is not None and set(wanted) != {fixed}:
        other = next(size for size in wanted if size != fixed)
        text = (
            f"{source.name}: has the fixed batch size {fixed} and cannot run batches of {other};"
            " leave --batches out"
        )
        raise UsageError(Message("bench-fixed-batch", text))
    return (fixed,)


def _require_positive(
    batches: Sequence[int], threads: Sequence[int], rounds: int, seconds: float
) -> None:
    """Check the numbers of the benchmark.

    Raises:
        UsageError: if one is out of range; the message names it.
    """
    if not threads:
        raise UsageError(Message("bench-no-threads", "threads is empty; give at least one number"))
    for name, values in (("batch", batches), ("threads", threads), ("rounds", (rounds,))):
        low = next((value for value in values if value < 1), None)
        if low is not None:
            text = f"{name} is {low}; give 1 or more"
            raise UsageError(Message("bench-number-out-of-range", text))
    if not 0 <= seconds < math.inf:
        text = f"seconds is {seconds:g}; give the time of a measurement, 0 or more"
        raise UsageError(Message("bench-seconds-out-of-range", text))


def _mean_bytes(inputs: InputSet) -> float | None:
    """Return the mean size of the files; None without files."""
    return mean(Path(file).stat().st_size for file in inputs.files) if inputs.files else None
