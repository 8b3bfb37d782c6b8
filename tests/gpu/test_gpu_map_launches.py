"""Launches name every argument of their kernel, and meet the assumptions of compiled kernels."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Protocol

import pytest

from jpegcompile.gpu.kernels import kernel_of
from jpegcompile.gpu.launch import Launch, Tiling, is_aligned
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import ASM_RELU
from jpegcompile.kernels.average_pool.launch import GlobalAveragePool
from jpegcompile.kernels.group_normalization.launch import GroupNormalization
from jpegcompile.kernels.max_pool.launch import GlobalMaxPool, MaxPool
from jpegcompile.kernels.rearrange.launch import Rearrange
from jpegcompile.kernels.reduce.launch import ReduceChannels
from jpegcompile.kernels.resample.launch import Resample
from jpegcompile.precision import FLOAT16, FLOAT32, TF32X3, Precision


class Operator(Protocol):
    """Interface of the records of all operators on maps."""

    def default_tiling(self, precision: Precision) -> Tiling: ...

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch: ...


# Pointer arguments that a kernel does not always read.
OPTIONAL = {"low", "constants", "approximated", "forward"}
X, WIDE = MapLayout.whole(20, 8, 24, 8), MapLayout.whole(80, 4, 12, 4)
Y, ONE = MapLayout(20, 8, 24, 8, 6, True), MapLayout.whole(20, 1, 1)
NORMALIZATION = GroupNormalization(X, Y, 5, ASM_RELU, 3)
OPERATORS: list[Operator] = [
    MaxPool(X, Y, (3, 3), pads=(1, 1)),
    MaxPool(X, Y, (3, 3), pads=(1, 1), is_asm=True, program=ASM_RELU, phi=3),
    GlobalMaxPool(X, ONE),
    GlobalAveragePool(X, ONE),
    GlobalAveragePool(Y, ONE),
    Resample(X, Y, (2, 3)),
    ReduceChannels(X, replace(Y, channels=1), "mean"),
    Rearrange(X, WIDE, 2, to_depth=True),
    Rearrange(WIDE, Y, 2, to_depth=False),
    NORMALIZATION,
]


def launches(precision: Precision) -> list[Launch]:
    """Return the default launch of every kernel."""
    parts = NORMALIZATION.moments_tiling(precision)
    return [
        *(o.launch(3, precision, o.default_tiling(precision)) for o in OPERATORS),
        NORMALIZATION.channel_moments(3, precision, parts),
        NORMALIZATION.group_moments(3, parts),
    ]


def missing(launch: Launch) -> set[str]:
    """Return the arguments of the kernel that the launch lacks."""
    kernel = kernel_of(launch.kernel)
    names = set(inspect.signature(kernel.fn if hasattr(kernel, "fn") else kernel).parameters)
    return names - OPTIONAL - set(launch.pointers) - set(launch.numbers) - set(launch.constants)


@pytest.mark.parametrize("precision", [FLOAT32, TF32X3, FLOAT16], ids=lambda p: p.name)
def test_launches_are_complete(precision: Precision) -> None:
    for launch in launches(precision):
        assert missing(launch) == set()
        lost = {n: v for n, v in launch.numbers.items() if n != "x_image"}
        without = replace(launch, numbers=lost)
        assert missing(without) == ({"x_image"} if "x_image" in launch.numbers else set())


@pytest.mark.parametrize("precision", [FLOAT32, TF32X3, FLOAT16], ids=lambda p: p.name)
def test_numbers_have_the_divisors_that_compiled_kernels_take_for_granted(
    precision: Precision,
) -> None:
    for launch in launches(precision):
        aligned = {name: n for name, n in launch.numbers.items() if is_aligned(name)}
        assert aligned
        assert all(number % 16 == 0 for number in aligned.values()), launch.kernel


@pytest.mark.parametrize("precision", [FLOAT32, TF32X3, FLOAT16], ids=lambda p: p.name)
def test_default_tilings_hold_whole_tiles(precision: Precision) -> None:
    for operator in OPERATORS:
        tiling = operator.default_tiling(precision)
        assert tiling.rows % 64 == 0
        assert tiling.channels % 16 == 0
