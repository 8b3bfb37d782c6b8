"""Three ways to mask a tile are one linear map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.maps import Doubles, random_map
from support.masking import coefficients_of, cosine, pixels_of

from jpegcompile.dct.blocks import BLOCK_SIZES, dct_matrix
from jpegcompile.dct.masking import RELU, asm
from jpegcompile.dct.mixing import (
    harmonic_mixing,
    mask_between_transforms,
    mask_by_harmonic_mixing,
    mask_half_spatially,
    row_mixers,
)

Mask = NDArray[np.bool_]
WAYS: list[Callable[[Doubles, Mask], Doubles]] = [
    mask_by_harmonic_mixing,
    mask_between_transforms,
    mask_half_spatially,
]
# A way is four products of matrices of order 8 at most, of tiles of norm near 8.
ATOL = 1e-13


def random_masks(shape: tuple[int, ...]) -> Mask:
    return random_map(shape) > 0.2


def by_definition(tiles: Doubles, mask: Mask) -> Doubles:
    """Cosine sums there and back, and zeros between them."""
    block = tiles.shape[-1]
    pixels = pixels_of(tiles, block, 2 * block - 1)
    return coefficients_of(np.where(mask, pixels, 0.0), block)


def assert_ways_agree(tiles: Doubles, mask: Mask) -> None:
    expected = by_definition(tiles, mask)
    for way in WAYS:
        np.testing.assert_allclose(way(tiles, mask), expected, rtol=0, atol=ATOL, err_msg=str(way))


@pytest.mark.parametrize("block", BLOCK_SIZES)
def test_ways_agree_on_random_masks(block: int) -> None:
    shape = (3, 5, block, block)
    assert_ways_agree(random_map(shape), random_masks((*shape[:2], block, block)))


@pytest.mark.parametrize("block", BLOCK_SIZES)
@pytest.mark.parametrize("value", [False, True])
def test_ways_agree_on_uniform_masks(block: int, value: bool) -> None:
    tiles = random_map((4, block, block))
    mask = np.full(tiles.shape, value)
    assert_ways_agree(tiles, mask)
    expected = tiles if value else np.zeros_like(tiles)
    for way in WAYS:
        np.testing.assert_allclose(way(tiles, mask), expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("block", BLOCK_SIZES)
@settings(deadline=None, derandomize=True, database=None, max_examples=40)
@given(data=st.data())
def test_ways_agree_on_drawn_masks(block: int, data: st.DataObject) -> None:
    bits = data.draw(st.integers(0, 2 ** (block * block) - 1))
    mask = np.asarray([bits >> i & 1 for i in range(block * block)], bool).reshape(block, block)
    assert_ways_agree(random_map((block, block)), mask)


@pytest.mark.parametrize("way", WAYS)
def test_one_mask_for_many_tiles(way: Callable[[Doubles, Mask], Doubles]) -> None:
    tiles, mask = random_map((3, 2, 8, 8)), random_masks((8, 8))
    expected = by_definition(tiles, np.broadcast_to(mask, tiles.shape))
    np.testing.assert_allclose(way(tiles, mask), expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("way", WAYS)
def test_precision_is_kept(way: Callable[[Doubles, Mask], Doubles]) -> None:
    tiles, mask = random_map((50, 8, 8)), random_masks((50, 8, 8))
    single = np.asarray(way(tiles.astype(np.float32), mask))
    assert single.dtype == np.float32
    assert way(tiles, mask).dtype == np.float64
    # Sums of 64 products, of a row of unit norm and a tile of norm sqrt(64 * 16) at most.
    bound = 64 * float(np.finfo(np.float32).eps) * 32
    np.testing.assert_allclose(single, way(tiles, mask), rtol=0, atol=bound)


@pytest.mark.parametrize("block", BLOCK_SIZES)
def test_harmonic_mixing_is_its_formula(block: int) -> None:
    masks = random_masks((2, 3, block, block))
    matrices = harmonic_mixing(masks)
    assert matrices.shape == (2, 3, block**2, block**2)
    axis = np.stack([cosine(block, frequency) for frequency in range(block)])
    both = np.einsum("ui,vj->uvij", axis, axis).reshape(block**2, block**2)
    for index in np.ndindex(2, 3):
        expected = both @ np.diag(masks[index].ravel().astype(float)) @ both.T
        np.testing.assert_allclose(matrices[index], expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("block", BLOCK_SIZES)
def test_harmonic_mixing_is_a_symmetric_projection(block: int) -> None:
    masks = random_masks((6, block, block))
    matrices, identity = harmonic_mixing(masks), np.eye(block**2)
    np.testing.assert_allclose(matrices, np.swapaxes(matrices, -1, -2), rtol=0, atol=ATOL)
    np.testing.assert_allclose(matrices @ matrices, matrices, rtol=0, atol=ATOL)
    others = harmonic_mixing(~masks)
    np.testing.assert_allclose(matrices + others, [identity] * 6, rtol=0, atol=ATOL)
    everything = harmonic_mixing(np.ones((block, block), bool))
    np.testing.assert_allclose(everything, identity, rtol=0, atol=ATOL)
    # As many pixels pass as the mask has.
    counts = np.trace(matrices, axis1=-2, axis2=-1)
    np.testing.assert_allclose(counts, masks.sum((-2, -1)), rtol=0, atol=ATOL * block**2)


@pytest.mark.parametrize("block", BLOCK_SIZES)
def test_table_of_row_mixers(block: int) -> None:
    table, basis = row_mixers(block), dct_matrix(block)
    assert table.shape == (2**block, block, block)
    assert not table[0].any()
    np.testing.assert_allclose(table[-1], np.eye(block), rtol=0, atol=ATOL)
    np.testing.assert_allclose(table, np.swapaxes(table, -1, -2), rtol=0, atol=ATOL)
    for index in range(2**block):
        bits = [float(index >> pixel & 1) for pixel in range(block)]
        expected = basis @ np.diag(bits) @ basis.T
        np.testing.assert_allclose(table[index], expected, rtol=0, atol=ATOL)
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0, 0] = 1.0


def test_masking_by_the_sign_of_few_frequencies_is_asm() -> None:
    tiles = random_map((40, 8, 8))
    mask = pixels_of(tiles, 8, 5) > 0
    for way in WAYS:
        np.testing.assert_allclose(way(tiles, mask), asm(tiles, RELU, 8, 5), rtol=0, atol=ATOL)


@pytest.mark.parametrize("block", [8, 4, 2])
def test_planted_faults_are_seen(block: int) -> None:
    tiles, mask = random_map((block, block)), random_masks((block, block))
    mask[0], mask[-1] = True, False
    flipped = mask.copy()
    flipped[-1, 0] = True
    # Another pixel, rows for columns, and bits of a row in the opposite order.
    mask[0, 0] = flipped[0, 0] = False
    for wrong in (flipped, mask.T, mask[:, ::-1]):
        expected = by_definition(tiles, wrong)
        for way in WAYS:
            assert np.abs(way(tiles, mask) - expected).max() > 1e-3
    assert (
        np.abs(mask_half_spatially(tiles, mask) - mask_between_transforms(tiles.T, mask)).max()
        > 1e-3
    )
