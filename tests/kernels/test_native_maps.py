"""Native kernels that read all channels of an image, or two maps, against the references."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.function_bodies import Array, BodyCase, run_body
from support.native import ISAS
from support.native_cases import (
    Call,
    Spread,
    by_operator,
    plain_calls,
    run_case,
    spread_calls,
)
from support.tiers import check_each, gathered
from support.whole_map_cases import channel_reduction_cases, normalization_cases, product_cases

from jpegcompile.dct.blocks import dc_map, to_jpeg
from jpegcompile.kernels.group_normalization.reference import jpeg_group_normalization

WHOLE = [*normalization_cases(), *channel_reduction_cases()]
PRODUCTS = list(product_cases())
SHAPE, GROUPS = (2, 24, 64, 48), 3
FACTORS, OFFSETS = np.linspace(-2, 2, 24), np.linspace(1, -1, 24)


@pytest.mark.parametrize("calls", gathered(plain_calls(WHOLE), by_operator, quick=6))
def test_kernel(calls: list[Call]) -> None:
    check_each(calls, Call.check)


@pytest.mark.parametrize("calls", gathered(spread_calls(PRODUCTS), by_operator, quick=6))
def test_product(calls: list[Call]) -> None:
    check_each(calls, Call.check)


def normalization(pixels: NDArray[np.float64], epsilon: float, block: int) -> BodyCase:
    """Return a call in float32, with the float64 result for the same coefficients."""
    x = to_jpeg(pixels, block).astype(np.float32)
    rows = np.asarray([0, GROUPS, -1, pixels[0, 0].size])
    numbers = [
        values.astype(np.float32)
        for values in (
            FACTORS.reshape(-1, 1, 1),
            OFFSETS.reshape(-1, 1, 1),
            np.asarray([epsilon]),
            dc_map(pixels.shape[2], pixels.shape[3], block),
        )
    ]
    expected = jpeg_group_normalization(
        x.astype(np.float64),
        numbers[0].astype(np.float64),
        numbers[1].astype(np.float64),
        groups=GROUPS,
        epsilon=float(numbers[2][0]),
        block=block,
    )
    operands: tuple[Array, ...] = (x, *numbers[:3], rows, numbers[3])
    attributes = {"groups": GROUPS, "block": block}
    return BodyCase("extreme", "JpegGroupNormalization", operands, attributes, expected, 1)


def drawn(mean: float, deviation: float) -> NDArray[np.float64]:
    return np.random.default_rng(5).normal(mean, deviation, SHAPE)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("block", [8, 4, 2, 1])
@pytest.mark.parametrize(
    ("mean", "deviation", "epsilon"),
    [(0.0, 1.0, 1e-5), (1000.0, 1.0, 1e-5), (-30.0, 1e-3, 1e-5), (1e4, 0.5, 1e-3), (0, 1e5, 1e-5)],
)
def test_a_mean_that_is_large_cancels_nothing(
    mean: float, deviation: float, epsilon: float, block: int, isa: str
) -> None:
    """Both sides use the same float32 coefficients, so only sums and differences may round."""
    case = normalization(drawn(mean, deviation), epsilon, block)
    largest = np.abs(case.expected).max()
    for spread in (Spread(), Spread(x_group=1, y_group=1)):
        actual = run_case(case, spread, isa)
        assert np.abs(actual - case.expected).max() <= 16 * 2.0**-24 * largest


@pytest.mark.parametrize("value", [0.0, 1.0, 3e4])
def test_a_map_of_one_value_becomes_the_shift(value: float) -> None:
    case = normalization(np.full(SHAPE, value), 1e-5, 8)
    shifts = (OFFSETS.reshape(-1, 1, 1) * dc_map(SHAPE[2], SHAPE[3], 8)).astype(np.float32)
    actual = run_case(case, Spread(), ISAS[0])
    np.testing.assert_allclose(actual, np.broadcast_to(shifts, SHAPE), rtol=0, atol=1e-5)


def test_the_check_sees_moments_that_cancel() -> None:
    """Computes E[x^2] - E[x]^2 in float32, as some graphs do."""
    case = normalization(drawn(1000.0, 1.0), 1e-5, 1)
    x = case.operands[0].reshape(2, GROUPS, -1)
    mean = x.mean(2, keepdims=True)
    variance = np.maximum((x * x).mean(2, keepdims=True) - mean * mean, 0)
    wrong = ((x - mean) / np.sqrt(variance + 1e-5)).reshape(SHAPE)
    wrong = wrong * case.operands[1] + case.operands[2]
    largest = np.abs(case.expected).max()
    assert np.abs(wrong - case.expected).max() > 16 * 2.0**-24 * largest


def test_bodies_subtract_first() -> None:
    case = normalization(drawn(1000.0, 1.0), 1e-5, 8)
    actual = run_body(case, 17)
    # ONNX Runtime adds thousands of squares one by one, which loses all precision.
    assert np.abs(actual - case.expected).max() <= 1e-5 * np.abs(case.expected).max()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads: int) -> None:
    case = normalization(drawn(3.0, 1.0), 1e-5, 8)
    alone = run_case(case, Spread(), ISAS[0])
    np.testing.assert_array_equal(run_case(case, Spread(), ISAS[0], threads), alone)


def test_a_wrong_group_is_seen() -> None:
    case = normalization(drawn(3.0, 1.0), 1e-5, 8)
    wrong = replace(case, attributes={**case.attributes, "groups": 4})
    actual = run_case(wrong, Spread(), ISAS[0])
    assert np.abs(actual - case.expected).max() > 16 * 2.0**-24 * np.abs(case.expected).max()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("op", ["JpegMax", "JpegMin", "JpegChannelMax", "JpegChannelMin"])
def test_what_is_not_a_number_stays_so(op: str, isa: str) -> None:
    """A NaN in any operand or channel propagates."""
    case = next(c for c in (*PRODUCTS, *WHOLE) if c.op == op).in_float32()
    places = [(0, 0), (1, 0)] if op in ("JpegMax", "JpegMin") else [(0, 0), (0, 1)]
    for operand, channel in places:
        operands = [values.copy() for values in case.operands]
        operands[operand][0, channel, 0, 0] = np.nan
        wrong = replace(case, operands=tuple(operands))
        assert np.isnan(run_case(wrong, Spread(), isa)[0, 0, 0, 0])
