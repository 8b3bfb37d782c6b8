"""Check the tilings of one kernel against the default tiling's result, then time them."""

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
from jpegcompile.messages import Message
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.runtime.triton.timer import Timer, medians
from jpegcompile.tuning.record import Dropped, KernelTuning

# Tolerance of float32 sums in another order, as a fraction of the largest result.
_SUMS = 2e-5
# Number of half-precision roundings by which two results may differ: 2 (one for each result), or
# about 12 with a transform. A transform sums 64 rounded numbers with weights whose squares sum to
# 1; five times the root mean square bounds this sum.
_ROUNDINGS, _ROUNDINGS_MIXED = 2.0, 12.0
_COMPARISONS = {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}
# All candidates run in the first rounds; only the fastest run in the later rounds.
_FIRST_ROUNDS, _ROUNDS, _FASTEST = 3, 9, 6
# The default tiling stays unless another one saves more than this fraction, because less may be
# noise.
_GAIN = 0.01


@dataclass(frozen=True)
class TiledCall:
    """A call of a kernel with one tiling.

    Attributes:
        module: kernel with its weights.
        tiling: tiling of its launches.
        maps: input maps by role.
    """

    module: KernelModule
    tiling: Tiling
    maps: Mapping[str, Tensor]

    def __call__(self) -> Tensor:
        """Run the kernel and return its result."""
        if self.module.tiling != self.tiling:
            self.module.use(self.tiling)
        return self.module(**self.maps)


def measure_tilings(
    names: Sequence[str],
    module: KernelModule,
    tilings: Sequence[Tiling],
    maps: Mapping[str, Tensor],
    timer: Timer,
) -> KernelTuning:
    """Time a kernel with each tiling.

    Args:
        names: attributes of the model with this kernel.
        module: kernel with its weights, which keeps the fastest tiling.
        tilings: tilings to time, the default tiling first.
        maps: input maps by role.
        timer: timer of the device of `maps`.

    Raises:
        Exception: if a launch with the default tiling fails.
    """
    calls = [TiledCall(module, tiling, maps) for tiling in tilings]
    expected = calls[0]()
    ready: list[tuple[Tiling, Callable[[], float]]] = []
    dropped: list[Dropped] = []
    for call in calls:
        try:
            reason = _difference(call(), expected, module.kernel, module.precision)
            if reason is None:
                ready.append((call.tiling, timer.prepared(call)))
        except Exception as error:
            if call is calls[0]:
                raise
            # Compilers and drivers raise many kinds of errors for a program that is too large.
            text = f"does not run: {type(error).__name__}: {one_line(error)}"
            reason = Message("tiling-does-not-run", text)
        if reason is not None:
            dropped.append(Dropped(call.tiling, reason))
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
    """Return the median seconds of each call; slow calls keep the median of the first rounds."""
    times = medians(ready, _FIRST_ROUNDS)
    fastest = sorted(range(1, len(ready)), key=times.__getitem__)[:_FASTEST]
    chosen = [0, *fastest]
    for index, seconds in zip(chosen, medians([ready[i] for i in chosen], _ROUNDS), strict=True):
        times[index] = seconds
    slowest = max(times[index] for index in chosen)
    return [
        seconds if index in chosen else max(seconds, slowest) for index, seconds in enumerate(times)
    ]


def _difference(
    made: Tensor, expected: Tensor, kernel: Kernel, precision: Precision
) -> Message | None:
    """Return how a result differs from the default tiling's; None if it is equal up to rounding."""
    tolerance = _tolerance(kernel, precision)
    a, b = made.float(), expected.float()
    if _jumps(kernel):
        # Rounding may change the mask of a few numbers, so the mean square is compared.
        error, size, tolerance = _rms(a - b), _rms(b), math.sqrt(tolerance)
        kind = "mean square"
    else:
        error, size = float((a - b).abs().max()), float(b.abs().max())
        kind = "largest"
    if error <= tolerance * size:
        return None
    fraction = error / size if size else math.inf
    return Message(
        "tiling-result-differs",
        f"the result differs from the default tiling's by {fraction:.1e} of the {kind}, more than"
        f" {tolerance:.1e}",
    )


def _tolerance(kernel: Kernel, precision: Precision) -> float:
    """Return the tolerance as a fraction of the largest result."""
    if precision.storage == "float32":
        return _SUMS
    roundings = _ROUNDINGS_MIXED if kernel.matrices else _ROUNDINGS
    return _SUMS + roundings * precision.roundoff


def _jumps(kernel: Kernel) -> bool:
    """Return whether the kernel is discontinuous, so that rounding may change results strongly."""
    program = getattr(kernel, "program", NOTHING)
    compares = _COMPARISONS & {step[0] for step in program.steps}
    is_asm = isinstance(kernel, MaxPool) and kernel.is_asm
    return bool(program.approximates or compares or is_asm)


def _rms(values: Tensor) -> float:
    """Return the root mean square."""
    return math.sqrt(float(values.double().square().mean()))
