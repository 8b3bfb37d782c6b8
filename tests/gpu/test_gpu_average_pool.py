"""Global average pooling with GPU kernels, compared with float64."""

from __future__ import annotations

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
from jpegcompile.kernels.average_pool.launch import GlobalAveragePool
from jpegcompile.precision import FLOAT16, FLOAT32, Precision

TILING = Tiling(64, 32)


@dataclass(frozen=True)
class Case:
    """A map to average, with `frequencies` frequencies; 0 for all."""

    batch: int
    channels: int
    size: Pair
    is_rows: bool = False
    frequencies: int = 0
    program: Program = NOTHING
    precision: Precision = FLOAT32
    tiling: Tiling = TILING

    @property
    def pool(self) -> GlobalAveragePool:
        block = block_size(*self.size)
        x = MapLayout(
            self.channels, *self.size, block, self.frequencies or full(block), self.is_rows
        )
        return GlobalAveragePool(x, MapLayout.whole(self.channels, 1, 1), self.program)


CASES = [
    Case(1, 20, (7, 7)),
    Case(2, 130, (7, 7), precision=FLOAT16),
    Case(2, 20, (16, 24), is_rows=True),
    Case(1, 33, (8, 8), is_rows=True, frequencies=1, tiling=Tiling(64, 16)),
    Case(3, 20, (12, 4), is_rows=True, frequencies=3, program=RELU),
    Case(1, 1, (14, 6), is_rows=True, precision=FLOAT16),
    Case(33, 3, (7, 1), is_rows=True),
    Case(1, 16, (16, 8), frequencies=4),
]
SWEEP = [
    Case(1, 64, (112, 112)),
    Case(33, 40, (7, 7), precision=FLOAT16),
    Case(5, 64, (56, 56), is_rows=True, frequencies=8),
    Case(3, 48, (28, 20), is_rows=True, precision=FLOAT16, tiling=Tiling(64, 64)),
]


def check(case: Case, **fault: Any) -> float:
    """Return the error relative to the tolerance; `fault` replaces numbers of the launch."""
    pool = case.pool
    shape = (case.batch, case.channels, *case.size)
    pixels = np.random.default_rng(3).standard_normal(shape) + 0.5
    x = rounded(stored(pixels, pool.x), case.precision)
    expected: Doubles = pixels_of(x, pool.x).mean((2, 3), keepdims=True)
    if case.program is RELU:
        expected = np.maximum(expected, 0.0)
    launch = pool.launch(case.batch, case.precision, case.tiling)
    launch = replace(launch, numbers={**launch.numbers, **fault})
    made = run_kernel(launch, {"x": x}, pool.matrices, (case.batch, *pool.y.shape))
    return excess(made, expected, pool.y, case.precision)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_global_average_pool(case: Case) -> None:
    assert check(case) <= 1


@thorough
@pytest.mark.parametrize("case", SWEEP, ids=name_of)
def test_larger_global_average_pool(case: Case) -> None:
    assert check(case) <= 1


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        (Case(1, 20, (7, 7), precision=FLOAT16), {"divisor": 48}),
        (Case(1, 20, (7, 7)), {"height": 6}),
        (Case(1, 20, (16, 16), is_rows=True), {"divisor": 256}),
        (Case(1, 20, (16, 16), is_rows=True), {"x_pixel": 32}),
    ],
)
def test_a_fault_is_found(case: Case, fault: dict[str, int]) -> None:
    assert check(case, **fault) > 1


def test_sums_do_not_depend_on_the_batch() -> None:
    pool = Case(2, 20, (9, 9)).pool
    x = stored(np.random.default_rng(0).standard_normal((2, 20, 9, 9)), pool.x)
    tiling = pool.default_tiling(FLOAT32)
    both = run_kernel(pool.launch(2, FLOAT32, tiling), {"x": x}, {}, (2, *pool.y.shape))
    one = run_kernel(pool.launch(1, FLOAT32, tiling), {"x": x[1:]}, {}, (1, *pool.y.shape))
    assert np.array_equal(both[1:], one)


def test_layouts_that_no_kernel_takes() -> None:
    pixels = MapLayout.whole(8, 8, 8, 8)
    with pytest.raises(ValueError, match="y is 8x8; its layout must be 1x1"):
        GlobalAveragePool(pixels, pixels)
    with pytest.raises(ValueError, match="y has 9 channels; its layout must have 8"):
        GlobalAveragePool(pixels, MapLayout.whole(9, 1, 1))
