"""Native kernels of pixels, and of maps in either domain: SpatialMaxPool, JpegScale and so on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.function_bodies import BodyCase
from support.fused_cases import spatial_cases
from support.maps import random_map
from support.native import GROUP, ISAS, packed
from support.native_cases import (
    SPREADS,
    Spread,
    assert_kernel_holds,
    assert_result,
    run_case,
    spread_over,
)
from support.window_cases import POOLS

from jpegcompile.kernels.max_pool.reference import jpeg_max_pool

LAYOUTS = [(1, 1), (GROUP, GROUP), (GROUP, 1), (1, GROUP)]
# The channels of the second shape fill groups.
BATCHES = [((1, 3), (1, 1)), ((33, 5), (1, 1)), *(((2, 32), layout) for layout in LAYOUTS)]
HALF_UNIT = 2.0**-24


def _in_float32(case: BodyCase) -> BodyCase:
    return replace(case, operands=tuple(a.astype(np.float32) for a in case.operands))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("window", POOLS, ids=str)
def test_max_pool(window: Any, isa: str) -> None:
    """Nothing is rounded, because every result is a pixel."""
    (_, _, height, width), kernel, strides, pads, dilations = window
    named: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": strides,
        "pads": pads,
        "dilations": dilations,
    }
    for outer, layout in BATCHES:
        x = random_map((*outer, height, width))
        expected = jpeg_max_pool(x, **named, input_block=1, output_block=1)
        case = _in_float32(BodyCase(f"{outer}", "SpatialMaxPool", (x,), named, expected, 1))
        actual = run_case(case, Spread(0, 0, *layout), isa)
        assert_result(case, actual, np.zeros(expected.shape), isa)


def test_a_window_in_the_padding_alone_gives_the_lowest_number() -> None:
    x = np.ones((1, 16, 2, 2), np.float32)
    named = {"kernel_shape": (1, 1), "strides": (1, 1), "pads": (1, 0, 0, 2), "dilations": (1, 1)}
    expected = np.full((1, 16, 3, 4), float(np.finfo(np.float32).min))
    expected[:, :, 1:, :2] = 1
    case = BodyCase("padding", "SpatialMaxPool", (x,), named, expected, 1)
    for isa in ISAS:
        assert_result(case, run_case(case, Spread(), isa), np.zeros(expected.shape), isa)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (9, 40), (56, 56)], ids=str)
def test_global_average_pool(size: tuple[int, int], isa: str) -> None:
    """A sum of rows of sums of columns, times a rounded factor."""
    terms = size[0] + size[1] + 2
    for outer, layout in BATCHES:
        x = random_map((*outer, *size))
        expected = x.mean(axis=(2, 3), keepdims=True)
        bound = terms * HALF_UNIT * np.abs(x).mean(axis=(2, 3), keepdims=True)
        case = _in_float32(BodyCase(f"{outer}", "SpatialGlobalAveragePool", (x,), {}, expected, 1))
        spread = Spread(0, 0, layout[0], 1)
        assert_result(case, run_case(case, spread, isa), bound, isa)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (56, 16)], ids=str)
def test_scale(size: tuple[int, int], isa: str) -> None:
    """One product, rounded once."""
    for (batch, channels), layout in BATCHES:
        for factors in (1, batch):
            x, scale = random_map((batch, channels, *size)), random_map((factors, channels, 1, 1))
            name = f"{batch}x{channels}-{factors}"
            case = _in_float32(BodyCase(name, "JpegScale", (x, scale), {"block": 1}, x * scale, 1))
            actual = run_case(case, Spread(0, 0, *layout), isa)
            assert_result(case, actual, HALF_UNIT * np.abs(x * scale), isa)


SCALED_SUMS = [case for case in spatial_cases() if case.op.endswith("ScaleAddRelu")]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", SCALED_SUMS, ids=str)
def test_scaled_sums(case: BodyCase, isa: str) -> None:
    case = case.in_float32()
    assert_kernel_holds(case, Spread(), isa)
    for spread in SPREADS:
        wide, bound = spread_over(case, spread)
        for group in (1, GROUP) if wide.operands[0].shape[1] % GROUP == 0 else (1,):
            x, scale, residual, *others = wide.operands
            laid = packed(residual) if group == GROUP else residual
            attributes = {**wide.attributes, "residual_group": group}
            called = replace(wide, operands=(x, scale, laid, *others), attributes=attributes)
            assert_result(wide, run_case(called, spread, isa), bound, f"{spread}-{group} {isa}")
            wrong = run_case(replace(called, operands=(x, scale, -laid, *others)), spread, isa)
            with pytest.raises(AssertionError, match="is off by"):
                assert_result(wide, wrong, bound, isa)
