"""The block DCT: the orthonormal DCT-II of every tile, in place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from support.maps import random_map

from jpegcompile.dct.blocks import (
    BLOCK_SIZES,
    axis_dct,
    block_size,
    dc_map,
    dct_matrix,
    planes_in_place,
    to_jpeg,
    to_spatial,
)

EPS = float(np.finfo(np.float64).eps)


def cosine_sums(tile: NDArray[np.float64]) -> NDArray[np.float64]:
    """ITU-T T.81, A.3.3, written out, for a tile of any order (8 in the text)."""
    order = len(tile)
    result = np.zeros_like(tile)
    for u in range(order):
        for v in range(order):
            norm = 2 / order
            norm *= math.sqrt(0.5) if u == 0 else 1.0
            norm *= math.sqrt(0.5) if v == 0 else 1.0
            for i in range(order):
                for j in range(order):
                    vertical = math.cos((2 * i + 1) * u * math.pi / (2 * order))
                    horizontal = math.cos((2 * j + 1) * v * math.pi / (2 * order))
                    result[u, v] += norm * vertical * horizontal * tile[i, j]
    return result


@pytest.mark.parametrize("order", BLOCK_SIZES)
def test_matrix_is_orthonormal(order: int) -> None:
    product = dct_matrix(order) @ dct_matrix(order).T
    np.testing.assert_allclose(product, np.eye(order), rtol=0, atol=4 * EPS)


def test_matrix_of_order_two_and_one() -> None:
    half = math.sqrt(0.5)
    np.testing.assert_allclose(dct_matrix(2), [[half, half], [half, -half]], rtol=0, atol=EPS)
    np.testing.assert_array_equal(dct_matrix(1), [[1.0]])


@pytest.mark.parametrize("order", BLOCK_SIZES)
def test_every_tile_is_its_cosine_sums(order: int) -> None:
    maps = random_map((2, 2, 8, 16))
    result = to_jpeg(maps, order)
    assert result.shape == maps.shape
    for row in range(0, 8, order):
        for column in range(0, 16, order):
            tile = (1, 0, slice(row, row + order), slice(column, column + order))
            # Sums of 64 products of size up to 4.
            np.testing.assert_allclose(result[tile], cosine_sums(maps[tile]), rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", BLOCK_SIZES)
def test_round_trip_and_parseval(order: int) -> None:
    maps = random_map((3, 2, 24, 8))
    jpeg = to_jpeg(maps, order)
    np.testing.assert_allclose(to_spatial(jpeg, order), maps, rtol=0, atol=1e-14)
    assert np.sum(jpeg**2) == pytest.approx(np.sum(maps**2), rel=1e-14)


def test_linearity() -> None:
    first, second = random_map((2, 1, 16, 8)), random_map((2, 1, 16, 8))[::-1]
    combined = to_jpeg(2.0 * first - 3.0 * second, 8)
    separate = 2.0 * to_jpeg(first, 8) - 3.0 * to_jpeg(second, 8)
    np.testing.assert_allclose(combined, separate, rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", BLOCK_SIZES)
def test_a_constant_is_on_dc_alone(order: int) -> None:
    constant = np.full((16, 24), 2.5)
    expected = np.zeros((16, 24))
    expected[::order, ::order] = 2.5 * order
    np.testing.assert_allclose(to_jpeg(constant, order), expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(2.5 * dc_map(16, 24, order), expected)


def test_frequencies_stand_in_place() -> None:
    coefficients = np.zeros((8, 8))
    coefficients[0, 1] = 1.0
    spatial = to_spatial(coefficients, 8)
    # Frequency (0, 1): constant down a column, one half period of a cosine along a row.
    assert np.ptp(spatial, axis=0).max() < 1e-15
    assert np.all(np.diff(spatial[0]) < 0)


def test_precision_is_kept() -> None:
    singles, doubles = np.ones((2, 8, 8), np.float32), np.ones((2, 8, 8), np.float64)
    assert to_jpeg(singles, 8).dtype == to_spatial(singles, 8).dtype == np.float32
    assert to_jpeg(doubles, 8).dtype == to_spatial(doubles, 8).dtype == np.float64


def test_axis_matrix_transforms_all_tiles_of_an_axis() -> None:
    maps = random_map((24, 12))
    by_axes = axis_dct(24, 4) @ maps @ axis_dct(12, 4).T
    np.testing.assert_allclose(by_axes, to_jpeg(maps, 4), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("size", "block"),
    [((224, 224), 8), ((28, 28), 4), ((14, 6), 2), ((7, 14), 1), ((32, 12), 4), ((8, 1), 1)],
)
def test_block_size_is_the_largest_that_divides(size: tuple[int, int], block: int) -> None:
    assert block_size(*size) == block


def test_sizes_that_a_block_does_not_divide_are_refused() -> None:
    maps = np.zeros((1, 12, 8))
    for transform in (to_jpeg, to_spatial):
        with pytest.raises(ValueError, match=r"^block size 8 does not divide a map of 12x8$"):
            transform(maps, 8)
    with pytest.raises(ValueError, match=r"^block size 8 does not divide 12$"):
        axis_dct(12, 8)


def test_shared_matrices_cannot_be_written() -> None:
    for matrix in (dct_matrix(8), axis_dct(16, 8)):
        with pytest.raises(ValueError, match="read-only"):
            matrix[0, 0] = 1.0


def test_blocks_become_planes() -> None:
    blocks = random_map((3, 2, 5, 8, 8))
    plane = planes_in_place(blocks)
    assert plane.shape == (3, 16, 40)
    np.testing.assert_array_equal(plane[1, 8:16, 24:32], blocks[1, 1, 3])
