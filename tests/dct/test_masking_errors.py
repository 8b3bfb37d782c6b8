"""How far ASM and APX of jpeg-domain maps stray from ReLU on random blocks, by known values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.block_errors import ALLOWED, BLOCKS, HALF_UNIT, MEANS
from support.maps import Doubles
from support.tiers import thorough

from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.masking import RELU, PiecewiseLinear, apx, asm

Way = Callable[[Doubles, PiecewiseLinear, int, int], Doubles]

WAYS: tuple[Way, Way] = (asm, apx)
# Few enough for the caches.
CHUNK = 500


def moments(count: int, seed: int) -> tuple[Doubles, Doubles]:
    """Mean and spread over blocks of the RMSE of a block: [2 ways, 15 numbers of frequencies].

    The transform is orthonormal, so the errors of coefficients are those of pixels.
    """
    generator = np.random.default_rng(seed)
    total, squares = np.zeros((2, 15)), np.zeros((2, 15))
    for _ in range(count // CHUNK):
        small = generator.uniform(-1, 1, (CHUNK, 4, 4))
        pixels = small.repeat(2, axis=1).repeat(2, axis=2)
        maps, exact = to_jpeg(pixels, 8), to_jpeg(np.maximum(pixels, 0.0), 8)
        for way, frequencies in np.ndindex(2, 15):
            result = WAYS[way](maps, RELU, 8, frequencies + 1)
            difference = (result - exact).reshape(CHUNK, 64)
            means = np.einsum("bi,bi->b", difference, difference) / 64
            total[way, frequencies] += np.sqrt(means).sum()
            squares[way, frequencies] += means.sum()
    return total / count, np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))


@pytest.fixture(scope="module")
def sample() -> tuple[Doubles, Doubles]:
    """Moments, and what the means may differ from the known ones.

    Five standard errors of the difference of the two means, and half a unit of the last digit that
    is printed.
    """
    count = 20_000
    means, spreads = moments(count, seed=1)
    return means, 5 * spreads * np.sqrt(1 / count + 1 / BLOCKS) + HALF_UNIT


@pytest.mark.parametrize("frequencies", range(1, 16))
@pytest.mark.parametrize("way", [0, 1], ids=["asm", "apx"])
def test_mean_error(sample: tuple[Doubles, Doubles], way: int, frequencies: int) -> None:
    means, allowed = (values[way, frequencies - 1] for values in sample)
    assert abs(means - MEANS[way, frequencies - 1]) <= allowed


def test_one_frequency_more_or_less_is_seen(sample: tuple[Doubles, Doubles]) -> None:
    means, allowed = sample
    assert (np.abs(means[:, 1:] - MEANS[:, :-1]) > allowed[:, :-1]).all()
    assert (np.abs(means[:, :-1] - MEANS[:, 1:]) > allowed[:, 1:]).all()
    assert (np.abs(means[0] - MEANS[1])[:-1] > allowed[0, :-1]).all()


@thorough
def test_mean_error_over_a_million_blocks() -> None:
    """About two minutes; the figures are printed."""
    means, _ = moments(BLOCKS, seed=2)
    print(np.array2string(means, precision=5, suppress_small=True))
    assert (np.abs(means - MEANS) <= ALLOWED).all()
