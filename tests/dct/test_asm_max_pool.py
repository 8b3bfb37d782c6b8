"""ASM for max pooling: positions by PyTorch on the approximation, values from the exact pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from support.maps import Doubles, blocks_of
from support.masking import (
    FREQUENCIES,
    clear_pool_map,
    coefficients_of,
    pixels_of,
)
from support.window_cases import POOLS, output_size
from torch.nn import functional

from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.dct.masking import asm_max_pool
from jpegcompile.dct.windows import Pads, Pair

# Those of the exact operator, and further pairs of block sizes: 8-8, 2-2, 4-4, 2-8, 4-8 and 1-8.
WINDOWS: list[tuple[tuple[int, ...], Pair, Pair, Pads, Pair]] = [
    *POOLS,
    ((1, 2, 16, 16), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((2, 1, 14, 6), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((1, 2, 12, 20), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((2, 1, 18, 10), (3, 3), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((1, 1, 12, 20), (5, 5), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((1, 2, 9, 9), (2, 2), (1, 1), (0, 0, 0, 0), (1, 1)),
]
CASES = [
    (*window, count) for window in WINDOWS for count in FREQUENCIES[block_size(*window[0][2:])]
]


def keywords(kernel: Pair, strides: Pair, pads: Pads, dilations: Pair) -> dict[str, Any]:
    return {"kernel_shape": kernel, "strides": strides, "pads": pads, "dilations": dilations}


def by_pytorch(
    maps: Doubles, approximation: Doubles, window: dict[str, Any], block: int
) -> Doubles:
    """Jpeg-domain maps of pixels picked where the approximation is largest."""
    top, left, bottom, right = window["pads"]
    sides = (left, right, top, bottom)
    exact = pixels_of(maps, block, 2 * block - 1)
    padded = functional.pad(torch.from_numpy(exact), sides, value=np.nan)
    rough = functional.pad(torch.from_numpy(approximation), sides, value=-np.inf)
    _, positions = functional.max_pool2d(
        rough,
        window["kernel_shape"],
        window["strides"],
        0,
        window["dilations"],
        return_indices=True,
    )
    picked = padded.flatten(2).gather(2, positions.flatten(2)).reshape(positions.shape)
    return coefficients_of(picked.numpy(), block_size(*positions.shape[2:]))


def assert_close(actual: Doubles, expected: Doubles) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


def test_every_block_size_meets_every_side() -> None:
    pairs = set()
    for shape, kernel, strides, pads, dilations in WINDOWS:
        size = output_size(shape[2:], kernel, strides, pads, dilations)
        pairs.add((block_size(*shape[2:]), block_size(*size)))
    assert {taken for taken, _ in pairs} == {made for _, made in pairs} == {1, 2, 4, 8}
    assert pairs >= {(8, 8), (8, 4), (4, 2), (4, 4), (2, 2), (2, 8), (4, 8), (1, 8), (8, 1)}


@pytest.mark.parametrize(("shape", "kernel", "strides", "pads", "dilations", "count"), CASES)
def test_positions_are_pytorchs(
    shape: tuple[int, ...], kernel: Pair, strides: Pair, pads: Pads, dilations: Pair, count: int
) -> None:
    window = keywords(kernel, strides, pads, dilations)
    maps = clear_pool_map(shape, count, window)
    blocks = blocks_of(maps, output_size(shape[2:], kernel, strides, pads, dilations))
    actual = asm_max_pool(maps, **window, **blocks, frequencies=count)
    block = blocks["input_block"]
    assert_close(actual, by_pytorch(maps, pixels_of(maps, block, count), window, block))


@pytest.mark.parametrize(("shape", "kernel", "strides", "pads", "dilations"), WINDOWS)
def test_all_frequencies_are_max_pooling(
    shape: tuple[int, ...], kernel: Pair, strides: Pair, pads: Pads, dilations: Pair
) -> None:
    window, block = keywords(kernel, strides, pads, dilations), block_size(*shape[2:])
    maps = clear_pool_map(shape, 2 * block - 1, window)
    blocks = blocks_of(maps, output_size(shape[2:], kernel, strides, pads, dilations))
    actual = asm_max_pool(maps, **window, **blocks, frequencies=2 * block - 1)
    top, left, bottom, right = pads
    pixels = torch.from_numpy(pixels_of(maps, block, 2 * block - 1))
    padded = functional.pad(pixels, (left, right, top, bottom), value=-np.inf)
    pooled = functional.max_pool2d(padded, kernel, strides, 0, dilations)
    assert_close(actual, coefficients_of(pooled.numpy(), blocks["output_block"]))


def test_of_equal_approximations_the_first_counts() -> None:
    """One frequency makes all pixels of a tile equal: row-major order decides."""
    window = keywords((2, 3), (2, 2), (1, 1, 1, 0), (1, 1))
    maps = clear_pool_map((1, 2, 8, 8), 1, window)
    actual = asm_max_pool(maps, **window, input_block=8, output_block=1, frequencies=1)
    # The first tap of each window that is not padding.
    firsts = to_spatial(maps, 8)[..., [0, 1, 3, 5, 7], :][..., [0, 1, 3, 5]]
    assert actual.shape == (1, 2, 5, 4)
    assert_close(actual, firsts)


def test_between_tiles_the_larger_mean_counts() -> None:
    maps = np.zeros((1, 1, 8, 16))
    maps[..., 0, 0], maps[..., 0, 8] = 8.0, 16.0
    # Pixels of the left tile are larger by far, but not on average.
    maps[..., 1, 0] = 100.0
    window = keywords((1, 2), (1, 1), (0, 0, 0, 0), (1, 1))
    actual = asm_max_pool(maps, **window, input_block=8, output_block=1, frequencies=1)
    exact = to_spatial(maps, 8)
    assert_close(actual[..., 7], exact[..., 8])
    assert_close(actual[..., :7], exact[..., :7])


@pytest.mark.parametrize("count", [1, 6, 14])
def test_padding_never_wins(count: int) -> None:
    window = keywords((3, 3), (2, 2), (1, 1, 1, 1), (1, 1))
    maps = clear_pool_map((2, 3, 16, 24), count, window)
    pixels = to_spatial(maps, 8) - 1000.0
    below = to_jpeg(pixels, 8)
    actual = asm_max_pool(below, **window, input_block=8, output_block=4, frequencies=count)
    assert to_spatial(actual, 4).max() < -900
    approximation = pixels_of(maps, 8, count) - 1000.0
    np.testing.assert_allclose(
        actual, by_pytorch(below, approximation, window, 8), rtol=0, atol=1e-9
    )


def test_precision_is_kept() -> None:
    window = keywords((2, 2), (2, 2), (0, 0, 0, 0), (1, 1))
    maps = clear_pool_map((1, 3, 16, 24), 6, window)
    attributes = {**window, "input_block": 8, "output_block": 4, "frequencies": 6}
    single = asm_max_pool(maps.astype(np.float32), **attributes)
    double = asm_max_pool(maps, **attributes)
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-4)


def test_a_window_larger_than_the_map_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a window of \(9, 1\) by \(1, 1\) exceeds"):
        asm_max_pool(
            np.zeros((1, 1, 8, 8)),
            kernel_shape=(9, 1),
            input_block=8,
            output_block=1,
            frequencies=3,
        )


def test_planted_faults_are_seen() -> None:
    window = keywords((3, 3), (2, 2), (1, 1, 1, 1), (1, 1))
    maps = clear_pool_map((2, 3, 16, 24), 6, window)
    actual = asm_max_pool(maps, **window, input_block=8, output_block=4, frequencies=6)
    right = pixels_of(maps, 8, 6)
    assert_close(actual, by_pytorch(maps, right, window, 8))
    shifted = {**window, "pads": (0, 0, 2, 2)}
    for wrong in (
        by_pytorch(maps, pixels_of(maps, 8, 5), window, 8),
        by_pytorch(maps, pixels_of(maps, 8, 7), window, 8),
        by_pytorch(maps, pixels_of(maps, 8, 15), window, 8),
        by_pytorch(maps, -right, window, 8),
        by_pytorch(maps, right, shifted, 8),
        by_pytorch(maps * (1 + 1e-9), right, window, 8),
        # The value of the approximation instead of the exact one.
        by_pytorch(to_jpeg(right, 8), right, window, 8),
    ):
        with pytest.raises(AssertionError):
            assert_close(actual, wrong)
