"""Native per-pixel functions against float64, without transforms: block size 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.function_bodies import Array, BodyCase
from support.native import ISAS
from support.native_cases import Spread, run_case
from support.pixelwise_cases import variants

from jpegcompile.kernels.pixelwise.reference import FUNCTIONS

# In half units in the last place of the larger of the value and the pixel, where the pixel counts
# up to 1: a kernel rounds multiples of the pixel as well as the result. About six roundings add
# up, rarely all with the same sign.
_HALVES = 4.0


def _pixels(op: str) -> NDArray[np.float32]:
    """Return pixels, dense where functions bend, and of all magnitudes; a map of 16 channels."""
    sizes = np.geomspace(1e-30, 1e6, 8000)
    pixels = np.concatenate(
        [np.linspace(-30, 30, 40000), np.linspace(-100, 88, 8000), sizes, -sizes]
    )
    if op == "JpegExp":
        # Beyond these values, results are infinite, or denormal and so less precise.
        pixels = np.clip(pixels, -87, 88)
    return pixels.astype(np.float32).reshape(1, 16, 1, -1)


def _excess(actual: Array, expected: NDArray[np.float64], pixels: Array) -> float:
    """Return the largest error as a multiple of the tolerance."""
    scale = np.abs(expected) + np.minimum(np.abs(pixels.astype(np.float64)), 1.0)
    allowed = _HALVES * 2.0**-24 * scale + np.finfo(np.float32).tiny
    return float((np.abs(actual - expected) / allowed).max())


def _run(op: str, attributes: dict[str, Any], isa: str) -> tuple[Array, Array]:
    pixels, one = _pixels(op), np.ones((1, 1), np.float32)
    case = BodyCase("grid", op, (pixels, *[one] * 4), {**attributes, "block": 1}, np.zeros(1), 1)
    return pixels, run_case(case, Spread(), isa)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("op", FUNCTIONS)
def test_function(op: str, isa: str) -> None:
    for attributes in variants(op):
        pixels, actual = _run(op, attributes, isa)
        expected = FUNCTIONS[op](pixels.astype(np.float64), **attributes)
        assert _excess(actual, expected, pixels) <= 1


@pytest.mark.parametrize("op", FUNCTIONS)
def test_a_function_that_is_off_by_a_millionth_is_seen(op: str) -> None:
    attributes = variants(op)[0]
    pixels, actual = _run(op, attributes, "avx2")
    expected = FUNCTIONS[op](pixels.astype(np.float64), **attributes)
    assert _excess(actual * np.float32(1 + 1e-6), expected, pixels) > 1


def test_large_and_small_results_of_exp_are_infinite_and_zero() -> None:
    pixels, one = np.zeros((1, 16, 1, 1), np.float32), np.ones((1, 1), np.float32)
    pixels[0, :6, 0, 0] = [89, 1e30, np.inf, -104, -1e30, -np.inf]
    case = BodyCase("far", "JpegExp", (pixels, *[one] * 4), {"block": 1}, np.zeros(1), 1)
    for isa in ISAS:
        made = run_case(case, Spread(), isa)[0, :6, 0, 0]
        assert np.isinf(made[:3]).all()
        assert (np.abs(made[3:]) <= 2e-45).all()
