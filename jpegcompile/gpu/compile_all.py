"""Compile the distinct kernels of many launches ahead of time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor

from jpegcompile.gpu.aot import Cubin, compile_launch
from jpegcompile.gpu.cubin_file import constants_text
from jpegcompile.gpu.kernels import arguments_of
from jpegcompile.gpu.launch import Launch
from jpegcompile.progress import Progress, no_progress

# Kernel, constants, element types of its pointers, warps and stages.
Form = tuple[str, str, tuple[tuple[str, str], ...], int, int]


def compiled_form(launch: Launch) -> Form:
    """Return what a compilation depends on; launches with equal forms share a kernel."""
    arguments = arguments_of(launch.kernel)
    constants = {name: launch.constants[name] for name in arguments if name in launch.constants}
    unused = launch.pointers["y"]
    pointers = tuple(
        (name, launch.pointers.get(name, unused))
        for name in arguments
        if name not in launch.constants and name not in launch.numbers
    )
    tiling = launch.tiling
    return launch.kernel, constants_text(constants), pointers, tiling.warps, tiling.stages


def distinct(launches: Iterable[Launch]) -> list[Launch]:
    """Return the first launch of each distinct compiled kernel, in order."""
    found: dict[Form, Launch] = {}
    for launch in launches:
        found.setdefault(compiled_form(launch), launch)
    return list(found.values())


def compile_all(
    launches: Sequence[Launch],
    archs: Sequence[int],
    processes: int = 2,
    report: Progress = no_progress,
) -> list[list[Cubin]]:
    """Compile the kernels of distinct launches.

    Args:
        launches: distinct launches; see `distinct`.
        archs: compute capabilities.
        processes: number of processes that compile concurrently.
        report: called with (kernels done, kernels in all).

    Returns:
        For each launch, its kernels in the order of `archs`.

    Raises:
        JpegCompileError: as `compile_launch`, for the first kernel that fails.
    """
    total = len(launches) * len(archs)
    # A forked process would share the threads of LLVM.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        jobs = [pool.submit(compile_launch, launch, arch) for launch in launches for arch in archs]
        made = []
        try:
            for job in jobs:
                made.append(job.result())
                report(len(made), total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    width = len(archs)
    return [made[place : place + width] for place in range(0, total, width)]
