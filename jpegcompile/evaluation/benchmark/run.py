"""The function `bench`: both pipelines, checked and then timed in turn, each in its own process."""

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
from jpegcompile.evaluation.benchmark.plan import benchmark_plan
from jpegcompile.evaluation.benchmark.results import Benchmark
from jpegcompile.evaluation.benchmark.rivals.readable import readable
from jpegcompile.evaluation.benchmark.rivals.registry import Chosen, chosen_rivals
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.evaluation.benchmark.timer import Steps, Timer
from jpegcompile.evaluation.verify import original_of
from jpegcompile.frontend.load import Source
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.options import running as option
from jpegcompile.processors import available_processors
from jpegcompile.progress import Progress, no_progress
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
    """Time the original model behind Pillow and NumPy against the compiled model.

    Of a model for images of any size, the original is timed behind several readers of files, and
    reading and network are timed at work at once, too. Of one with preprocessing of its own, both
    sides are the network behind it: the readers do its work as well as they can.

    Args:
        original: path of the source model.
        compiled: path of the compiled model, a file or the folder of a module.
        images: folder of JPEG files, of the network's size unless the model takes any. Without it
            a model for coefficients is timed with files made for the purpose, of quality 75 and 90,
            and one for tensors with random tensors.
        batches: inputs of a run; 1 and 8, or what the model is bound to, if not given.
        threads: of ONNX Runtime or PyTorch, and of decoding; every number is timed with every
            batch size.
        rounds: how often each side is timed, in turn with the others.
        seconds: how long it runs each time, at least once.
        per_op: whether to time every node, too.
        portable: whether to time the compiled model without native kernels as well.
        providers: what ONNX Runtime runs both models on, as for `jpegcompile.load`.
        on_error: what becomes of files that cannot be used: "stop" raises the error of the first
            that is to be run; "skip" and "report" read all files, leave such ones out, and the
            result lists them.
        tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
        fallback: "pixels" also times files of which no coefficients are read, decoded by Pillow as
            by `Session.run`, with models for tensors and for files of any size. With models for
            coefficients of one size such files are left out.
        rivals: names of readers for the original, of "pillow", "pillow-box", "simplejpeg+opencv"
            and "torchvision"; all that are installed if not given.
        progress: called with (done, total).

    Raises:
        CheckFailedError: if outputs are not those of the original; nothing is timed then.
        UsageError: if arguments do not fit the models.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read.
        UnsupportedModelError: if a model cannot be run.
    """
    _require_positive(batches or (), threads, rounds, seconds)
    with tempfile.TemporaryDirectory(prefix="jpegcompile-bench-") as name:
        session = opened(compiled, threads=1, providers=providers, progress=progress or no_progress)
        source = original_of(original, session)
        if session.info.feeds_whole_images:
            # Images of several sizes make no batch: they are resized by the readers that are timed.
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
        plan = benchmark_plan(
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
        # Their memory is not wanted while others are timed.
        del session, source
        jobs = [plan.jobs(batch, count) for batch in sizes for count in threads]
        steps = Steps(progress, sum((2 + rounds) * len(sides) for sides in jobs))
        timer = Timer(plan, rounds, seconds, per_op, steps)
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
    """Which readers take part, where files may have any size.

    Raises:
        UsageError: if some are named and cannot take part.
    """
    taken = session.info.input
    if taken.is_preprocessed:
        return chosen_rivals(names, taken.geometry)
    if names is not None:
        raise UsageError(
            f"{session.path}: takes images of its own size, or tensors, which rivals do not differ"
            " in; leave --rivals out, or compile it with a --preprocess that resizes"
        )
    return Chosen({}, {})


def _require_timed(session: Session | CompiledModule, per_op: bool, portable: bool) -> None:
    """Refuse what there is not to time.

    Raises:
        UsageError: naming the option.
    """
    if isinstance(session, Session):
        if portable and not session.target.keeps_operators:
            raise UsageError(f"{session.path}: has standard operators only; leave --portable out")
        return
    if portable:
        raise UsageError(
            f"{session.path}: is a module of PyTorch, which has no function bodies;"
            " leave --portable out"
        )
    if per_op:
        raise UsageError(
            f"{session.path}: is a module of PyTorch, and only ONNX Runtime times single nodes;"
            " leave --per-op out"
        )


def _execution_of(session: Session | CompiledModule) -> Execution | ModuleExecution:
    """What runs the nodes of the compiled model in the process that is timed."""
    if not isinstance(session, Session):
        return session.execution
    if session.info.input_mode == "jpeg" and session.execution.library is not None:
        # The whole file is run there, as any program runs it.
        whole, ran = execution_of(read_compiled(session.path)[0]), session.execution
        return whole.on_cuda(frozenset(ran.for_cuda)) if ran.is_on_cuda else whole
    return session.execution


def _providers(session: ImageRunner, original: str | os.PathLike[str], asked: Asked) -> Providers:
    """What ONNX Runtime runs on: both models, or, beside a module of PyTorch, the original."""
    if isinstance(session, Session):
        return session.execution_providers
    return providers_for(asked, original, native=False)


def _batch_sizes(
    session: ImageRunner, source: Source, wanted: Sequence[int] | None
) -> Sequence[int]:
    """The sizes wanted, which must be the one that a model is bound to."""
    image = next(v for v in source.model.graph.input if v.name == session.info.input.name)
    fixed = image.type.tensor_type.shape.dim[0].dim_value or session.fixed_batch
    if not fixed:
        return wanted or BATCHES
    if wanted is not None and set(wanted) != {fixed}:
        other = next(size for size in wanted if size != fixed)
        raise UsageError(
            f"{source.name}: is bound to batch {fixed}, so it cannot be timed with {other};"
            " leave --batches out"
        )
    return (fixed,)


def _require_positive(
    batches: Sequence[int], threads: Sequence[int], rounds: int, seconds: float
) -> None:
    """Refuse numbers that nothing could be timed with.

    Raises:
        UsageError: naming the first.
    """
    if not threads:
        raise UsageError("no number of threads is given; give one at least")
    for name, values in (("batch", batches), ("threads", threads), ("rounds", (rounds,))):
        low = next((value for value in values if value < 1), None)
        if low is not None:
            raise UsageError(f"{name} is {low}; give 1 or more")
    if not 0 <= seconds < math.inf:
        raise UsageError(f"seconds is {seconds:g}; give the time of a round, 0 or more")


def _mean_bytes(inputs: InputSet) -> float | None:
    return mean(Path(file).stat().st_size for file in inputs.files) if inputs.files else None
