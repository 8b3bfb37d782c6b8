"""SpaceToDepth and DepthToSpace with GPU kernels, compared with the references in float64."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from support.gpu_checks import excess, name_of
from support.gpu_maps import Doubles, pixels_of, rounded, run_kernel, stored
from support.tiers import thorough

from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.frequencies import full
from jpegcompile.dct.rearrange import depth_to_space, space_to_depth
from jpegcompile.dct.windows import Pair
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import NOTHING, RELU, Program
from jpegcompile.kernels.rearrange.launch import Rearrange
from jpegcompile.precision import FLOAT16, FLOAT32, Precision

TILING = Tiling(64, 32)


@dataclass(frozen=True)
class Case:
    """A rearrangement; `channels` and `size` describe the map with more pixels."""

    to_depth: bool
    side: int
    batch: int
    channels: int
    size: Pair
    frequencies: int = 0
    is_rows: bool = False
    program: Program = NOTHING
    precision: Precision = FLOAT32
    tiling: Tiling = TILING

    @property
    def rearrange(self) -> Rearrange:
        small = self.size[0] // self.side, self.size[1] // self.side
        flat = MapLayout.whole(self.channels, *self.size, block_size(*self.size))
        deep = MapLayout.whole(self.channels * self.side**2, *small, block_size(*small))
        x, y = (flat, deep) if self.to_depth else (deep, flat)
        frequencies = self.frequencies or full(y.block)
        y = replace(y, frequencies=frequencies, is_rows=self.is_rows)
        return Rearrange(x, y, self.side, self.to_depth, self.program)


CASES = [
    Case(True, 2, 1, 20, (8, 12)),
    Case(True, 2, 2, 3, (16, 16), is_rows=True, frequencies=6, program=RELU),
    Case(True, 3, 1, 5, (6, 9), precision=FLOAT16),
    Case(True, 2, 33, 1, (4, 2), tiling=Tiling(128, 16)),
    Case(True, 4, 1, 16, (16, 8), is_rows=True, precision=FLOAT16),
    Case(False, 2, 1, 20, (8, 16), is_rows=True, precision=FLOAT16),
    Case(False, 2, 2, 33, (4, 4), frequencies=3),
    Case(False, 3, 1, 1, (9, 6), is_rows=True),
    Case(False, 4, 1, 3, (8, 8), frequencies=7, program=RELU, tiling=Tiling(64, 16)),
    Case(False, 2, 5, 16, (6, 2)),
]
SWEEP = [
    Case(to_depth, side, batch, channels, (12, 48), 0, is_rows, RELU, precision)
    for to_depth in (True, False)
    for side, batch, channels, is_rows, precision in (
        (2, 3, 30, True, FLOAT32),
        (3, 1, 14, False, FLOAT16),
        (4, 2, 8, True, FLOAT16),
        (2, 1, 70, False, FLOAT32),
    )
]


def check(case: Case, **fault: Any) -> float:
    """Return the error relative to the tolerance; `fault` replaces numbers of the launch."""
    rearrange = case.rearrange
    shape = (case.batch, rearrange.x.channels, rearrange.x.height, rearrange.x.width)
    pixels = np.random.default_rng(6).standard_normal(shape)
    x = rounded(stored(pixels, rearrange.x), case.precision)
    move = space_to_depth if case.to_depth else depth_to_space
    expected: Doubles = np.ascontiguousarray(move(pixels_of(x, rearrange.x), case.side))
    if case.program is RELU:
        expected = np.maximum(expected, 0.0)
    launch = rearrange.launch(case.batch, case.precision, case.tiling)
    launch = replace(launch, numbers={**launch.numbers, **fault})
    made = run_kernel(launch, {"x": x}, rearrange.matrices, (case.batch, *rearrange.y.shape))
    return excess(made, expected, rearrange.y, case.precision)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_rearrange(case: Case) -> None:
    assert check(case) <= 1


@thorough
@pytest.mark.parametrize("case", SWEEP, ids=name_of)
def test_larger_rearrange(case: Case) -> None:
    assert check(case) <= 1


def test_depth_to_space_is_not_the_order_of_pytorch() -> None:
    """PixelShuffle uses mode CRD, so a transposed order of channels would be detected."""
    case = Case(False, 2, 1, 3, (4, 4))
    rearrange = case.rearrange
    pixels = np.random.default_rng(1).standard_normal((1, 12, 2, 2))
    given = {"x": stored(pixels, rearrange.x)}
    launch = rearrange.launch(1, FLOAT32, TILING)
    made = run_kernel(launch, given, {}, (1, *rearrange.y.shape))
    order = np.arange(12).reshape(4, 3).T.reshape(-1)
    for moved, is_right in ((pixels[:, order], True), (pixels, False)):
        shuffled: Doubles = torch.pixel_shuffle(torch.from_numpy(moved.copy()), 2).numpy()
        assert (excess(made, shuffled, rearrange.y, FLOAT32) <= 1) == is_right


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        (CASES[0], {"true_channels": 32}),
        (CASES[2], {"side": 2}),
        (CASES[5], {"true_channels": 16}),
        (CASES[7], {"x_row": 16}),
    ],
    ids=["depth, padded channels", "depth, side", "space, channels", "space, strides"],
)
def test_a_fault_is_found(case: Case, fault: dict[str, int]) -> None:
    assert check(case, **fault) > 1


def test_layouts_that_no_kernel_takes() -> None:
    flat, deep = MapLayout.whole(3, 4, 6), MapLayout.whole(12, 2, 3)
    with pytest.raises(ValueError, match="x is 3x4x6, y is 12x2x3; their layouts must differ by"):
        Rearrange(flat, deep, 2, to_depth=False)
    with pytest.raises(ValueError, match="by tiles of 3x3 pixels"):
        Rearrange(flat, deep, 3, to_depth=True)
    with pytest.raises(ValueError, match="space_to_depth: x is stored as coefficients"):
        Rearrange(MapLayout(3, 8, 8, 8, 15, True), MapLayout.whole(12, 4, 4), 2, to_depth=True)
