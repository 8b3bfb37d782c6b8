"""Candidates of one kernel: checked against the default tiling's result, then timed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from jpegcompile.errors import one_line
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.programs import NOTHING
from jpegcompile.kernels.max_pool.launch import MaxPool
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.runtime.triton.timer import Timer, medians
from jpegcompile.tuning.record import Dropped, KernelTuning

# Of the largest result: what float32 sums in another order may differ by.
_SUMS = 2e-5
# Roundings of half precision that results may differ by: one each, and with a transform about 12,
# since a transform sums 64 rounded numbers with squares that sum to 1, and five times the mean
# square bounds a sum.
_ROUNDINGS, _ROUNDINGS_MIXED = 2.0, 12.0
_COMPARISONS = {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}
# All candidates take part in the first rounds, the fastest in the others.
_FIRST_ROUNDS, _ROUNDS, _FASTEST = 3, 9, 6
# The default tiling stays unless another one saves more than this share: less may be noise.
_GAIN = 0.01


@dataclass(frozen=True)
class Trial:
    """A kernel with one tiling, ready to run.

    Attributes:
        module: the kernel with its weights.
        tiling: of its launches.
        maps: that it reads, by role.
    """

    module: KernelModule
    tiling: Tiling
    maps: Mapping[str, Tensor]

    def __call__(self) -> Tensor:
        """What the kernel makes."""
        if self.module.tiling != self.tiling:
            self.module.use(self.tiling)
        return self.module(**self.maps)


def measure(
    names: Sequence[str],
    module: KernelModule,
    tilings: Sequence[Tiling],
    maps: Mapping[str, Tensor],
    timer: Timer,
) -> KernelTuning:
    """Time a kernel with each tiling.

    Args:
        names: attributes of the model that are this kernel.
        module: the kernel with its weights; keeps the fastest tiling.
        tilings: the default one first.
        maps: that the kernel reads, by role.
        timer: of the device where `maps` are.

    Raises:
        Exception: whatever a launch with the default tiling raises.
    """
    trials = [Trial(module, tiling, maps) for tiling in tilings]
    expected = trials[0]()
    ready: list[tuple[Tiling, Callable[[], float]]] = []
    dropped: list[Dropped] = []
    for trial in trials:
        try:
            reason = _difference(trial(), expected, module.kernel, module.precision)
            if reason is None:
                ready.append((trial.tiling, timer.prepared(trial)))
        except Exception as error:
            if trial is trials[0]:
                raise
            # Whatever a compiler or driver says of a program that is too large for it.
            reason = f"does not run: {type(error).__name__}: {one_line(error)}"
        if reason is not None:
            dropped.append(Dropped(trial.tiling, reason))
    times = _times([run for _, run in ready])
    fastest = min(range(len(ready)), key=times.__getitem__)
    if times[fastest] > (1 - _GAIN) * times[0]:
        fastest = 0
    module.use(ready[fastest][0])
    return KernelTuning(
        tuple(names),
        type(module.kernel).__name__,
        ready[fastest][0],
        times[fastest],
        times[0],
        len(ready),
        tuple(dropped),
    )


def _times(ready: Sequence[Callable[[], float]]) -> list[float]:
    """Median seconds of each; those that the first rounds leave behind keep their first median."""
    times = medians(ready, _FIRST_ROUNDS)
    fastest = sorted(range(1, len(ready)), key=times.__getitem__)[:_FASTEST]
    chosen = [0, *fastest]
    for index, seconds in zip(chosen, medians([ready[i] for i in chosen], _ROUNDS), strict=True):
        times[index] = seconds
    slowest = max(times[index] for index in chosen)
    return [
        seconds if index in chosen else max(seconds, slowest) for index, seconds in enumerate(times)
    ]


def _difference(made: Tensor, expected: Tensor, kernel: Kernel, precision: Precision) -> str | None:
    """What is wrong with a result; None if it is that of the default tiling up to rounding."""
    tolerance = _tolerance(kernel, precision)
    a, b = made.float(), expected.float()
    if _jumps(kernel):
        # A mask may be decided otherwise where it is a tie. So few such numbers count.
        error, size, tolerance = _rms(a - b), _rms(b), math.sqrt(tolerance)
        kind = "mean square"
    else:
        error, size = float((a - b).abs().max()), float(b.abs().max())
        kind = "largest"
    if error <= tolerance * size:
        return None
    share = error / size if size else math.inf
    return (
        f"differs from the default tiling's result by {share:.1e} of the {kind},"
        f" and {tolerance:.1e} is allowed"
    )


def _tolerance(kernel: Kernel, precision: Precision) -> float:
    """Of the largest result."""
    if precision.storage == "float32":
        return _SUMS
    roundings = _ROUNDINGS_MIXED if kernel.matrices else _ROUNDINGS
    return _SUMS + roundings * precision.roundoff


def _jumps(kernel: Kernel) -> bool:
    """Whether a rounding may change a result by much."""
    program = getattr(kernel, "program", NOTHING)
    compares = _COMPARISONS & {step[0] for step in program.steps}
    is_asm = isinstance(kernel, MaxPool) and kernel.is_asm
    return bool(program.approximates or compares or is_asm)


def _rms(values: Tensor) -> float:
    return math.sqrt(float(values.double().square().mean()))
