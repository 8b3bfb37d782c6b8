"""Bands of spatial frequencies: which coefficients, how many, at what cost."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from support.maps import random_map

from jpegcompile.dct.blocks import BLOCK_SIZES
from jpegcompile.dct.frequencies import (
    ALL,
    band,
    band_map,
    band_share,
    full,
    keep_band,
    resolve,
    transform_cost,
)

BANDS = [(block, count) for block in BLOCK_SIZES for count in range(1, 2 * block)]


def test_a_tile_of_8_has_15_frequencies() -> None:
    assert {block: full(block) for block in BLOCK_SIZES} == {8: 15, 4: 7, 2: 3, 1: 1}
    assert full(8) == ALL


@pytest.mark.parametrize("block", BLOCK_SIZES)
def test_a_number_for_tiles_of_8_is_resolved_for_others(block: int) -> None:
    for count in range(1, ALL + 1):
        share = Fraction(count * (2 * block - 1), 15)
        # No share is a half, so the rule of rounding halves does not matter.
        assert share.denominator != 2
        assert resolve(count, block) == max(1, int(share + Fraction(1, 2)))
        assert resolve(count, block) == max(1, round(count * (2 * block - 1) / 15))


def test_resolved_numbers() -> None:
    counts = range(1, ALL + 1)
    assert [resolve(n, 8) for n in counts] == list(counts)
    assert [resolve(n, 4) for n in counts] == [1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
    assert [resolve(n, 2) for n in counts] == [1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3]
    assert [resolve(n, 1) for n in counts] == [1] * 15


@pytest.mark.parametrize(("block", "count"), BANDS)
def test_a_band_is_where_the_sum_of_indices_is_less(block: int, count: int) -> None:
    inside = band(block, count)
    assert inside.shape == (block, block)
    for u, v in itertools.product(range(block), repeat=2):
        assert inside[u, v] == (u + v < count)
    assert band_share(block, count) == inside.sum() / block**2


def test_bands_grow_to_the_whole_tile() -> None:
    for block in BLOCK_SIZES:
        shares = [band_share(block, count) for count in range(1, 2 * block)]
        assert shares[0] == 1 / block**2
        assert shares[-1] == 1.0
        assert all(np.diff(shares) > 0)


@pytest.mark.parametrize("block", BLOCK_SIZES)
@pytest.mark.parametrize("of_block", [lambda _: -1, lambda _: 0, lambda block: 2 * block])
def test_other_numbers_are_refused(block: int, of_block: Callable[[int], int]) -> None:
    count = of_block(block)
    text = f"^a {block}x{block} tile has frequencies 1 to {2 * block - 1}$"
    with pytest.raises(ValueError, match=text):
        band(block, count)
    with pytest.raises(ValueError, match=text):
        keep_band(np.zeros((8, 8)), block, count)


def test_a_band_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        band(8, 3)[0, 0] = False


@pytest.mark.parametrize(("block", "count"), BANDS)
def test_a_map_keeps_the_band_of_every_tile(block: int, count: int) -> None:
    maps = random_map((2, 3, 16, 24))
    kept, mask = keep_band(maps, block, count), band_map(16, 24, block, count)
    assert mask.shape == (16, 24)
    for row, column in np.ndindex(16, 24):
        is_inside = row % block + column % block < count
        assert mask[row, column] == is_inside
        expected = maps[..., row, column] if is_inside else 0.0
        np.testing.assert_array_equal(kept[..., row, column], expected)


def test_what_is_dropped_is_zero_whatever_it_was() -> None:
    maps = np.full((8, 8), np.inf)
    assert np.isfinite(keep_band(maps, 8, 3)).sum() == 64 - 6


def test_precision_is_kept() -> None:
    assert keep_band(np.ones((8, 8), np.float32), 8, 3).dtype == np.float32
    assert keep_band(np.ones((8, 8), np.float64), 8, 3).dtype == np.float64


@pytest.mark.parametrize(("block", "count"), BANDS)
def test_cost_is_the_count_of_multiply_adds(block: int, count: int) -> None:
    indices = range(block)
    inside = set(itertools.product(indices, repeat=2)) & {
        (u, v) for u in indices for v in indices if u + v < count
    }
    columns = {v for _, v in inside}
    # Inverse: along the columns that hold any coefficient, then along rows, over those columns.
    inverse = sum(1 for _ in indices for _ in inside) + block * block * len(columns)
    # Forward: along rows for the columns that are wanted, over all pixels; then each coefficient.
    forward = sum(block for _ in indices for _ in columns) + sum(block for _ in inside)
    assert transform_cost(block, count) == inverse / block**2 == forward / block**2


def test_a_whole_transform_costs_two_products_for_each_index() -> None:
    for block in BLOCK_SIZES:
        assert transform_cost(block, 2 * block - 1) == 2 * block
        costs = [transform_cost(block, count) for count in range(1, 2 * block)]
        assert all(np.diff(costs) > 0)
