"""Channel reductions with GPU kernels, compared with float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from support.gpu_checks import excess, name_of
from support.gpu_maps import Doubles, pixels_of, rounded, run_kernel, stored
from support.tiers import thorough

from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.frequencies import full
from jpegcompile.dct.windows import Pair
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import NOTHING, RELU, Program
from jpegcompile.kernels.reduce.launch import ReduceChannels, Reduction
from jpegcompile.precision import FLOAT16, FLOAT32, Precision

TILING = Tiling(64, 32)
REDUCTIONS: dict[Reduction, Callable[..., Doubles]] = {
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "sum": np.sum,
}


@dataclass(frozen=True)
class Case:
    """A reduction; y has `frequencies` frequencies, 0 for all; pixels are near `middle`."""

    reduction: Reduction
    batch: int
    channels: int
    size: Pair
    frequencies: int = 0
    is_rows: bool = False
    middle: float = 0.0
    program: Program = NOTHING
    precision: Precision = FLOAT32
    tiling: Tiling = TILING

    @property
    def reduce(self) -> ReduceChannels:
        block = block_size(*self.size)
        frequencies = self.frequencies or full(block)
        return ReduceChannels(
            MapLayout.whole(self.channels, *self.size, block),
            MapLayout(1, *self.size, block, frequencies, self.is_rows),
            self.reduction,
            self.program,
        )


# A padded channel would be the maximum of negative pixels, and the minimum of positive pixels.
CASES = [
    Case("max", 1, 20, (8, 8), middle=-5.0),
    Case("max", 2, 130, (4, 12), is_rows=True, precision=FLOAT16),
    Case("min", 1, 33, (8, 16), middle=5.0, is_rows=True, frequencies=6),
    Case("min", 3, 1, (7, 5), program=RELU, tiling=Tiling(128, 64)),
    Case("mean", 1, 130, (2, 6), is_rows=True),
    Case("mean", 33, 3, (3, 3), precision=FLOAT16),
    Case("sum", 1, 20, (8, 8), frequencies=5, program=RELU),
    Case("sum", 2, 17, (8, 8), middle=1.0, is_rows=True, precision=FLOAT16),
]
KINDS: list[tuple[Reduction, int, float]] = [
    ("max", 15, -3.0),
    ("min", 9, 3.0),
    ("mean", 4, 0.0),
    ("sum", 15, 0.0),
]
SWEEP = [
    Case(kind, 5, channels, (8, 24), frequencies, True, middle, RELU, precision)
    for kind, frequencies, middle in KINDS
    for channels, precision in ((64, FLOAT16), (100, FLOAT32))
]


def check(case: Case, **fault: Any) -> float:
    """Return the error relative to the tolerance; `fault` replaces numbers of the launch."""
    reduce = case.reduce
    shape = (case.batch, case.channels, *case.size)
    pixels = np.random.default_rng(4).standard_normal(shape) + case.middle
    x = rounded(stored(pixels, reduce.x), case.precision)
    expected = REDUCTIONS[case.reduction](pixels_of(x, reduce.x), axis=1, keepdims=True)
    if case.program is RELU:
        expected = np.maximum(expected, 0.0)
    launch = reduce.launch(case.batch, case.precision, case.tiling)
    launch = replace(launch, numbers={**launch.numbers, **fault})
    made = run_kernel(launch, {"x": x}, reduce.matrices, (case.batch, *reduce.y.shape))
    return excess(made, expected, reduce.y, case.precision)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_reduce_channels(case: Case) -> None:
    assert check(case) <= 1


@thorough
@pytest.mark.parametrize("case", SWEEP, ids=name_of)
def test_larger_reduce_channels(case: Case) -> None:
    assert check(case) <= 1


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[5], CASES[7]], ids=name_of)
def test_padded_channels_that_count_are_found(case: Case) -> None:
    """A wrong mask is detected. For sums, it drops a channel, since padded channels are zero."""
    is_sum = case.reduction == "sum"
    faulty = case.channels - 1 if is_sum else case.reduce.x.stored_channels
    assert check(case, true_channels=faulty) > 1


def test_layouts_that_no_kernel_takes() -> None:
    pixels, one = MapLayout.whole(8, 8, 8, 8), MapLayout.whole(1, 8, 8, 8)
    with pytest.raises(ValueError, match="y has 8 channels; its layout must have 1"):
        ReduceChannels(pixels, pixels, "max")
    with pytest.raises(ValueError, match="x is 8x8, y is 4x8; their layouts must have"):
        ReduceChannels(pixels, MapLayout.whole(1, 4, 8, 4), "max")
    with pytest.raises(ValueError, match="x is stored as coefficients"):
        ReduceChannels(MapLayout(8, 8, 8, 8, 15, True), one, "max")
