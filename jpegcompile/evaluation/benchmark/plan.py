"""What the processes of a benchmark are told: a job for each side."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jpegcompile.evaluation.benchmark.inputs import Inputs
from jpegcompile.evaluation.benchmark.job import COMPILED, PORTABLE, SPATIAL, Job
from jpegcompile.evaluation.rounding import OwnRounding
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.verify import is_half_precision
from jpegcompile.frontend.load import Source
from jpegcompile.network_input import NetworkInput
from jpegcompile.runtime.cut import begin_at, end_at
from jpegcompile.runtime.session import Session


@dataclass(frozen=True)
class Plan:
    """What all processes of a benchmark share.

    Attributes:
        folder: for files that are written on the way.
        templates: a job for each side, without batch and threads.
        is_exact: whether the compiled model must give the original's answers.
        is_half: whether the network is in float16.
        variants: of each set of inputs: files with the outputs of the original computed in other
            ways, as `Worker` writes them, and what each counts (`Variant.multiple`).
    """

    folder: Path
    templates: tuple[Job, ...]
    is_exact: bool
    is_half: bool
    variants: tuple[tuple[tuple[str, float], ...], ...]

    def jobs(self, batch: int, threads: int) -> list[Job]:
        """A job for each side, the spatial one first."""
        return [replace(job, batch=batch, threads=threads) for job in self.templates]


def plan_of(
    session: Session,
    source: Source,
    original: str,
    inputs: Inputs,
    folder: Path,
    portable: bool,
    tolerant: bool = False,
) -> Plan:
    """A job for each side of a compiled model and its source, and the files that jobs need.

    Args:
        session: of the compiled model.
        source: that it was compiled from.
        original: the source's path.
        inputs: that are run.
        folder: for files.
        portable: whether the compiled model runs without native kernels, too.
        tolerant: whether to take what can be read of damaged files.
    """
    info, is_half = session.info, is_half_precision(session.model)
    library = session.execution.library
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
    )
    spatial = shared
    if source.integer_pixels is not None:
        # The float decode, with which it is checked, is not of integers.
        floats = folder / "original.onnx"
        floats.write_bytes(source.model.SerializeToString())
        spatial = replace(shared, model=str(floats), folder=str(source.folder or folder))
    # External weights lie beside the file that a link leads to.
    path = os.path.realpath(session.path)
    compiled = replace(shared, side=COMPILED, model=path, library=library)
    without = replace(compiled, side=PORTABLE, library=None)
    if info.input_mode == "jpeg":
        # What has no native kernels takes coefficients, as `Session` has it.
        behind = folder / "coefficients.onnx"
        behind.write_bytes(session.model.SerializeToString())
        without = replace(
            without,
            model=str(behind),
            folder=str(session.folder.absolute()),
            input_mode="coefficients",
        )
        if library is None:
            compiled = replace(without, side=COMPILED)
    if info.ingest_output is not None:
        ingest, network = folder / "ingest.onnx", folder / "network.onnx"
        begin = info.ingest_output
        ingest.write_bytes(end_at(session.model, begin).SerializeToString())
        network.write_bytes(begin_at(session.model, begin, info.input).SerializeToString())
        compiled, without = (
            replace(
                side,
                ingest=str(ingest),
                network=str(network),
                parts_folder=str(session.folder.absolute()),
            )
            for side in (compiled, without)
        )
    return Plan(
        folder=folder,
        templates=(spatial, compiled, without) if portable else (spatial, compiled),
        is_exact=info.frequencies is None,
        is_half=is_half,
        variants=_variants(source, info.input, inputs, folder, Tolerance(is_half=is_half)),
    )


def _variants(
    source: Source, taken: NetworkInput, inputs: Inputs, folder: Path, tolerance: Tolerance
) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Write the outputs of the original's variants for every set of inputs."""
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
