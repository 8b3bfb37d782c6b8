"""The jobs of all sides of a benchmark, and the files that they need."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jpegcompile.evaluation.benchmark.input_sets import InputSets
from jpegcompile.evaluation.benchmark.job import COMPILED, PORTABLE, SPATIAL, Job
from jpegcompile.evaluation.rounding import OwnRounding
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.verify import is_half_precision
from jpegcompile.frontend.load import Source
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.network_input import NetworkInput
from jpegcompile.precision import precision_of
from jpegcompile.runtime.cut import begin_at, end_at
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.providers import ON_CPU, Providers
from jpegcompile.runtime.session import Session


@dataclass(frozen=True)
class JobTemplates:
    """The jobs of a benchmark, without batch size and threads.

    Attributes:
        folder: folder for temporary files.
        jobs: a job for each side.
        is_exact: whether the compiled model must match the original.
        tolerance: tolerance at the outputs.
        variants: for each set of inputs, files with the outputs of variants of the original, in the
            form that `Worker` writes, and the weight of each variant (`Variant.multiple`).
    """

    folder: Path
    jobs: tuple[Job, ...]
    is_exact: bool
    tolerance: Tolerance
    variants: tuple[tuple[tuple[str, float], ...], ...]

    def at(self, batch: int, threads: int) -> list[Job]:
        """Return the jobs at a batch size and a number of threads; originals come first."""
        return [replace(job, batch=batch, threads=threads) for job in self.jobs]


def job_templates(
    session: ImageRunner,
    source: Source,
    original: str,
    inputs: InputSets,
    folder: Path,
    portable: bool,
    tolerant: bool = False,
    providers: Providers = ON_CPU,
    rivals: Sequence[str] = (),
    fallback: Fallback = "none",
) -> JobTemplates:
    """Return a job for each side of a compiled model and its source, and write their files.

    Args:
        session: session of the compiled model.
        source: source of the compiled model.
        original: path of the source.
        inputs: inputs to run.
        folder: folder for files.
        portable: whether to run the compiled model without native kernels, too.
        tolerant: whether to use the readable part of damaged files.
        providers: execution providers of ONNX Runtime.
        rivals: readers of images of any size for the original.
        fallback: fallback for images of any size without readable coefficients.
    """
    info = session.info
    shared = Job(
        side=SPATIAL,
        model=original,
        folder=None,
        library=None,
        batch=0,
        threads=0,
        input_mode=info.input_mode,
        image=info.input,
        frame=info.frame,
        preprocess=info.preprocess,
        ingest=None,
        network=None,
        parts_folder=None,
        sets=inputs.sets,
        tolerant=tolerant,
        providers=providers,
        fallback=fallback,
    )
    changes = source.integer_pixels, info.trained_size, info.own_preprocessing, source.raised
    is_changed = any(change is not None for change in changes)
    original_job = _spatial_job(source, shared, folder) if is_changed else shared
    originals: tuple[Job, ...] = (original_job,)
    if shared.is_preprocessed:
        shared = replace(shared, ingest_block=info.ingest_block, averages_views=info.averages_views)
        originals = tuple(replace(original_job, side=rival) for rival in rivals)
    if isinstance(session, Session):
        compiled = _jobs_of_a_file(session, shared, folder, portable)
    else:
        compiled = (replace(shared, side=COMPILED, model=session.path),)
    tolerance = Tolerance(
        is_half=is_half_precision(source.model), precision=precision_of(info.precision)
    )
    return JobTemplates(
        folder=folder,
        jobs=(*originals, *compiled),
        is_exact=info.frequencies is None,
        tolerance=tolerance,
        variants=_variants(source, info.input, inputs, folder, tolerance),
    )


def _spatial_job(source: Source, shared: Job, folder: Path) -> Job:
    """Return the job of an original that was changed after it was read from its file.

    The changed original reads the float decode instead of integers, has the size of the compiled
    model, lacks its own preprocessing, or has standard operators in place of those of jpegcompile.
    """
    floats = folder / "original.onnx"
    floats.write_bytes(source.model.SerializeToString())
    return replace(shared, model=str(floats), folder=str(source.folder or folder))


def _jobs_of_a_file(session: Session, shared: Job, folder: Path, portable: bool) -> tuple[Job, ...]:
    """Return the jobs of a compiled file: with native kernels and, if `portable`, without."""
    library = session.execution.library
    compiled = replace(
        _with_parts(session, shared, folder),
        side=COMPILED,
        # External weights are next to the target of a link.
        model=os.path.realpath(session.path),
        library=library,
    )
    without = replace(compiled, side=PORTABLE, library=None)
    if session.info.input_mode == "jpeg" and not shared.is_preprocessed:
        # Without native kernels the model reads coefficients, as in `Session`.
        cut = folder / "coefficients.onnx"
        cut.write_bytes(session.model.SerializeToString())
        without = replace(
            without,
            model=str(cut),
            folder=str(session.folder.absolute()),
            input_mode="coefficients",
        )
        if library is None:
            compiled = replace(without, side=COMPILED)
    return (compiled, without) if portable else (compiled,)


def _with_parts(session: Session, job: Job, folder: Path) -> Job:
    """Return the job with the two parts of a compiled file that reads images."""
    begin = session.info.ingest_output
    if begin is None:
        return job
    ingest, network = folder / "ingest.onnx", folder / "network.onnx"
    cut = session.model
    # If the graph contains the native reader, `Session` has removed it already.
    if all(value.name != begin for value in cut.graph.input):
        cut = begin_at(session.model, begin, session.info.input)
    network.write_bytes(cut.SerializeToString())
    job = replace(job, network=str(network), parts_folder=str(session.folder.absolute()))
    if job.is_preprocessed:
        # The native reader computes the network's input outside the graph.
        return job
    ingest.write_bytes(end_at(session.model, begin).SerializeToString())
    return replace(job, ingest=str(ingest))


def _variants(
    source: Source, taken: NetworkInput, inputs: InputSets, folder: Path, tolerance: Tolerance
) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Write the outputs of variants of the original for every set of inputs."""
    rounding = OwnRounding(source, taken, tolerance)
    names = [output.name for output in source.model.graph.output]
    written = []
    for index, one in enumerate(inputs.sets):
        runs = [rounding.variants(tensor[None]) for tensor in np.load(one.tensors, mmap_mode="r")]
        files = []
        for number, parts in enumerate(zip(*runs, strict=True)):
            path = folder / f"variant-{number}-{index}.npz"
            np.savez(
                path, *(np.concatenate([part.values[name] for part in parts]) for name in names)
            )
            files.append((str(path), parts[0].multiple))
        written.append(tuple(files))
    return tuple(written)
