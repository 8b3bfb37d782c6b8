"""ASM and APX against their definitions, at every number of frequencies, and in full the function.

All masks here are certain: no approximation is within float32's rounding of a breakpoint.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.maps import Doubles, random_map
from support.masking import (
    Function,
    Masked,
    approximated,
    clear_map,
    coefficients_of,
    masked,
    masked_clip,
    masked_prelu,
    masked_relu,
    pixels_of,
)
from torch.nn import functional

from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.dct.masking import (
    RELU,
    PiecewiseLinear,
    approximation,
    apx,
    asm,
    clip,
    prelu,
)

SHAPES = {8: (2, 3, 16, 24), 4: (2, 3, 12, 8), 2: (2, 3, 14, 6), 1: (2, 3, 7, 9)}
COUNTS = [(block, count) for block in SHAPES for count in range(1, 2 * block)]
SLOPES: Doubles = np.asarray([0.25, -0.5, 1.5]).reshape(3, 1, 1)
# Sums of at most 64 products of size up to 4, there and back.
ATOL = 1e-12


def _clamp(low: float, high: float) -> Function:
    return lambda x: np.asarray(torch.from_numpy(x).clamp(low, high))


def _prelu(x: Doubles) -> Doubles:
    slopes = torch.from_numpy(SLOPES.ravel())
    return np.asarray(functional.prelu(torch.from_numpy(x), slopes))


def _leaky(x: Doubles) -> Doubles:
    return np.asarray(functional.leaky_relu(torch.from_numpy(x), 0.125))


# The function under test; its definition by pieces; PyTorch's; and its breakpoints.
FUNCTIONS: dict[str, tuple[PiecewiseLinear, Masked, Function, tuple[float, ...]]] = {
    "relu": (RELU, masked_relu, lambda x: np.asarray(torch.from_numpy(x).relu()), (0.0,)),
    "leaky": (prelu(0.125), masked_prelu(0.125), _leaky, (0.0,)),
    "prelu": (prelu(SLOPES), masked_prelu(SLOPES), _prelu, (0.0,)),
    "clip": (clip(-0.5, 0.75), masked_clip(-0.5, 0.75), _clamp(-0.5, 0.75), (-0.5, 0.75)),
    "relu6": (clip(0.0, 1.0), masked_clip(0.0, 1.0), _clamp(0.0, 1.0), (0.0, 1.0)),
    "above": (clip(0.5, 1.0), masked_clip(0.5, 1.0), _clamp(0.5, 1.0), (0.5, 1.0)),
}


def assert_close(actual: Doubles, expected: Doubles) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize(("block", "count"), COUNTS)
def test_approximation_is_the_sum_of_its_cosines(block: int, count: int) -> None:
    maps = random_map(SHAPES[block])
    assert_close(approximation(maps, block, count), pixels_of(maps, block, count))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("block", "count"), COUNTS)
def test_asm_and_apx(name: str, block: int, count: int) -> None:
    function, pieces, plain, breakpoints = FUNCTIONS[name]
    maps = clear_map(SHAPES[block], count, breakpoints)
    assert_close(asm(maps, function, block, count), masked(maps, block, count, pieces))
    assert_close(apx(maps, function, block, count), approximated(maps, block, count, plain))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("block", SHAPES)
def test_all_frequencies_are_the_function_itself(name: str, block: int) -> None:
    function, _, plain, breakpoints = FUNCTIONS[name]
    maps = clear_map(SHAPES[block], 2 * block - 1, breakpoints)
    expected = coefficients_of(plain(pixels_of(maps, block, 2 * block - 1)), block)
    assert_close(asm(maps, function, block, 2 * block - 1), expected)
    assert_close(apx(maps, function, block, 2 * block - 1), expected)
    assert_close(to_jpeg(function(to_spatial(maps, block)), block), expected)


@pytest.mark.parametrize("block", [8, 4, 2])
def test_one_frequency_decides_by_the_mean_of_the_tile(block: int) -> None:
    maps = clear_map(SHAPES[block], 1)
    pixels = to_spatial(maps, block)
    *lead, height, width = pixels.shape
    tiles = pixels.reshape(*lead, height // block, block, width // block, block)
    means = np.broadcast_to(tiles.mean((-3, -1), keepdims=True), tiles.shape).reshape(maps.shape)
    assert 0 < (means > 0).mean() < 1
    assert_close(asm(maps, RELU, block, 1), np.where(means > 0, maps, 0.0))
    assert_close(apx(maps, RELU, block, 1), to_jpeg(np.maximum(means, 0.0), block))


def test_a_breakpoint_belongs_to_the_piece_below() -> None:
    values = np.asarray([-1.0, -0.5, 0.0, 0.75, 1.0])
    assert RELU.piece(values).tolist() == [0, 0, 0, 1, 1]
    assert clip(-0.5, 0.75).piece(values).tolist() == [0, 0, 1, 1, 2]
    # The approximation of such a tile is zero exactly, its pixels are not: all are masked.
    maps = np.zeros((8, 8))
    maps[3, 4] = 1.0
    assert not asm(maps, RELU, 8, 7).any()
    assert_close(asm(maps, RELU, 8, 8), masked(maps, 8, 8, masked_relu))


def test_an_infinite_or_empty_interval() -> None:
    values = random_map((4, 8, 8))
    largest = float(np.finfo(np.float64).max)
    np.testing.assert_array_equal(clip(-largest, largest)(values), values)
    np.testing.assert_array_equal(clip(0.0, largest)(values), RELU(values))
    np.testing.assert_array_equal(clip(0.25, 0.25)(values), np.full_like(values, 0.25))


@pytest.mark.parametrize("function", [RELU, prelu(0.125), prelu(SLOPES), clip(-0.5, 0.75)])
def test_precision_is_kept(function: PiecewiseLinear) -> None:
    maps = clear_map(SHAPES[8], 6, (-0.5, 0.0, 0.75))
    for way in (asm, apx):
        single = way(maps.astype(np.float32), function, 8, 6)
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, way(maps, function, 8, 6), rtol=0, atol=1e-4)


@pytest.mark.parametrize("way", [asm, apx])
def test_sizes_and_numbers_that_do_not_fit_are_refused(way: type) -> None:
    with pytest.raises(ValueError, match=r"^a 4x4 tile has frequencies 1 to 7$"):
        way(np.zeros((8, 8)), RELU, 4, 8)
    with pytest.raises(ValueError, match=r"^a 8x8 tile has frequencies 1 to 15$"):
        way(np.zeros((8, 8)), RELU, 8, 0)
    with pytest.raises(ValueError, match="8"):
        way(np.zeros((12, 8)), RELU, 8, 3)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("block", "count"), [(8, 7), (4, 3), (2, 2)])
def test_planted_faults_are_seen(name: str, block: int, count: int) -> None:
    function, pieces, plain, breakpoints = FUNCTIONS[name]
    maps = clear_map(SHAPES[block], count, breakpoints)
    moved = maps * (1 + 1e-9)
    actual = asm(maps, function, block, count)
    for wrong in (
        masked(maps, block, count - 1, pieces),
        masked(maps, block, count + 1, pieces),
        masked(maps, block, count, lambda a, x: pieces(x, x)),
        masked(maps, block, count, lambda a, x: pieces(a, a)),
        masked(maps, block, count, lambda a, x: pieces(-a, x)),
        masked(moved, block, count, pieces),
    ):
        with pytest.raises(AssertionError):
            assert_close(actual, wrong)
    actual = apx(maps, function, block, count)
    for wrong in (
        approximated(maps, block, count - 1, plain),
        approximated(maps, block, count + 1, plain),
        masked(maps, block, count, pieces),
        approximated(moved, block, count, plain),
    ):
        with pytest.raises(AssertionError):
            assert_close(actual, wrong)
