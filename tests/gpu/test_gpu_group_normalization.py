"""Group normalization with GPU kernels, compared with the reference in float64."""

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
from jpegcompile.gpu.launch import Launch, Tiling
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.programs import NOTHING, RELU, Program
from jpegcompile.kernels.group_normalization.launch import GroupNormalization
from jpegcompile.kernels.group_normalization.reference import jpeg_group_normalization
from jpegcompile.precision import FLOAT16, FLOAT32, Precision

TILING = Tiling(64, 32)
EPSILON = 1e-5


@dataclass(frozen=True)
class Case:
    """A normalization; y has `frequencies` frequencies, 0 for all; pixels are near `middle`."""

    groups: int
    batch: int
    channels: int
    size: Pair
    frequencies: int = 0
    is_rows: bool = False
    middle: float = 0.5
    program: Program = NOTHING
    precision: Precision = FLOAT32
    tiling: Tiling = TILING

    @property
    def normalization(self) -> GroupNormalization:
        block = block_size(*self.size)
        return GroupNormalization(
            MapLayout.whole(self.channels, *self.size, block),
            MapLayout(
                self.channels, *self.size, block, self.frequencies or full(block), self.is_rows
            ),
            self.groups,
            self.program,
        )


CASES = [
    Case(4, 1, 20, (8, 16)),
    Case(1, 2, 33, (4, 12), is_rows=True, program=RELU),
    Case(20, 1, 20, (9, 9), precision=FLOAT16),
    Case(5, 1, 130, (8, 8), is_rows=True, frequencies=6, precision=FLOAT16),
    Case(2, 5, 4, (2, 2), tiling=Tiling(128, 16)),
    Case(1, 3, 1, (7, 11), middle=-2.0),
    Case(3, 2, 18, (8, 8), frequencies=4, middle=100.0),
]
SWEEP = [
    Case(32, 1, 64, (28, 28), is_rows=True, middle=10.0),
    Case(1, 1, 130, (32, 24), frequencies=9, precision=FLOAT16),
    Case(8, 3, 48, (14, 14), is_rows=True, program=RELU, tiling=Tiling(128, 32)),
    Case(2, 1, 6, (56, 112), middle=30.0),
    Case(2, 33, 4, (3, 5)),
]


def parameters(case: Case) -> tuple[Doubles, Doubles]:
    """Return scale and shift [C]."""
    generator = np.random.default_rng(8)
    return generator.standard_normal(case.channels), generator.standard_normal(case.channels)


def normalized(case: Case, x: Doubles, fault: str = "", **numbers: int) -> Doubles:
    """Run the kernels on x; `numbers` replace numbers in the launch of the kernel `fault`."""
    norm = case.normalization

    def altered(launch: Launch) -> Launch:
        is_meant = bool(fault) and launch.kernel.endswith(fault)
        return replace(launch, numbers={**launch.numbers, **numbers}) if is_meant else launch

    scale, shift = (np.pad(p, (0, padded(case.channels) - case.channels)) for p in parameters(case))
    first = altered(norm.channel_moments(case.batch, case.precision, case.tiling))
    parts = run_kernel(first, {"x": x}, {}, norm.part_shape(case.batch, case.tiling))
    moments = run_kernel(
        altered(norm.group_moments(case.batch, case.tiling)),
        {"moments": parts, "scale": scale, "epsilon": np.array([EPSILON])},
        {},
        norm.moment_shape(case.batch),
    )
    return run_kernel(
        altered(norm.launch(case.batch, case.precision, case.tiling)),
        {"x": x, "moments": moments, "shift": shift},
        norm.matrices,
        (case.batch, *norm.y.shape),
    )


def input_of(case: Case) -> Doubles:
    """Return pixels in memory layout; each channel has its own mean and spread."""
    generator = np.random.default_rng(9)
    shape = (case.batch, case.channels, *case.size)
    spread = generator.uniform(0.5, 2.0, (case.channels, 1, 1))
    pixels = (generator.standard_normal(shape) + generator.standard_normal(spread.shape)) * spread
    return rounded(stored(pixels + case.middle, case.normalization.x), case.precision)


def expected_of(case: Case, x: Doubles) -> Doubles:
    """Return the pixels of the reference."""
    scale, shift = parameters(case)
    pixels = pixels_of(x, case.normalization.x)
    made = jpeg_group_normalization(
        pixels, scale, shift, groups=case.groups, epsilon=EPSILON, block=1
    )
    return np.maximum(made, 0.0) if case.program is RELU else made


def check(case: Case, fault: str = "", **numbers: Any) -> float:
    """Return the error relative to the tolerance."""
    x = input_of(case)
    made = normalized(case, x, fault, **numbers)
    return excess(made, expected_of(case, x), case.normalization.y, case.precision)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_group_normalization(case: Case) -> None:
    assert check(case) <= 1


@thorough
@pytest.mark.parametrize("case", SWEEP, ids=name_of)
def test_larger_group_normalization(case: Case) -> None:
    assert check(case) <= 1


def test_the_mean_of_squares_would_be_too_inexact() -> None:
    """The kernels pass a check that E[x^2] - mean^2 in float32 fails."""
    case = Case(2, 1, 4, (16, 16), middle=100.0)
    x = input_of(case)
    norm = case.normalization
    assert excess(normalized(case, x), expected_of(case, x), norm.y, FLOAT32) <= 1
    rows = pixels_of(x, norm.x).astype(np.float32).reshape(1, case.groups, -1)
    mean = rows.mean(2, keepdims=True)
    variance = (rows * rows).mean(2, keepdims=True) - mean * mean
    scale, shift = (p.reshape(-1, 1, 1) for p in parameters(case))
    centered = ((rows - mean) / np.sqrt(variance + EPSILON)).reshape(1, case.channels, *case.size)
    assert (
        excess(stored(centered * scale + shift, norm.y), expected_of(case, x), norm.y, FLOAT32) > 1
    )


@pytest.mark.parametrize(
    ("kernel", "numbers"),
    [
        ("group_moments", {"pixels": 128}),
        ("group_moments", {"part_size": 80}),
        ("group_moments", {"group_size": 8}),
        ("channel_moments", {"width": 8}),
        ("normalize", {"true_channels": 19}),
    ],
)
def test_a_fault_is_found(kernel: str, numbers: dict[str, int]) -> None:
    """Wrong counts, groups, strides and masks for 81 pixels in parts of 64 and 17."""
    case = Case(4, 1, 20, (9, 9))
    assert check(case) <= 1
    assert check(case, kernel, **numbers) > 1


def test_layouts_that_no_kernel_takes() -> None:
    pixels = MapLayout.whole(8, 8, 8, 8)
    with pytest.raises(ValueError, match="x has 8 channels; the number of groups, 3, must divide"):
        GroupNormalization(pixels, pixels, 3)
    with pytest.raises(ValueError, match="group_normalization: x is stored as coefficients"):
        GroupNormalization(MapLayout(8, 8, 8, 8, 15, True), pixels, 2)
