"""Matrices of separable maps: average pooling, slices, padding, means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.maps import random_map
from torch.nn import functional

from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.dct.linear import (
    average_pool_matrix,
    in_jpeg_domain,
    mean_matrix,
    pad_matrix,
    padded_indices,
    take_matrix,
)

Doubles = NDArray[np.float64]


def pooled(
    x: Doubles, kernel: int, stride: int, pads: tuple[int, int], dilation: int, include_pad: bool
) -> Doubles:
    rows, columns = (
        average_pool_matrix(size, kernel, stride, pads, dilation, include_pad) for size in x.shape
    )
    return np.asarray(rows @ x @ columns.T)


@pytest.mark.parametrize("include_pad", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "pad"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (5, 3, 2), (1, 2, 0), (4, 1, 2)]
)
def test_average_pool_is_pytorchs(kernel: int, stride: int, pad: int, include_pad: bool) -> None:
    x = random_map((11, 16))
    expected = functional.avg_pool2d(
        torch.from_numpy(x)[None], kernel, stride, pad, count_include_pad=include_pad
    )[0]
    result = pooled(x, kernel, stride, (pad, pad), 1, include_pad)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("include_pad", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "pads", "dilation"),
    [(3, 1, (2, 2), 2), (2, 2, (0, 3), 3), (3, 2, (1, 4), 2)],
)
def test_dilated_average_pool_is_a_convolution(
    kernel: int, stride: int, pads: tuple[int, int], dilation: int, include_pad: bool
) -> None:
    """PyTorch has no dilated average pooling: sums by a convolution, over counts by another."""
    x = random_map((11, 16))
    ones = torch.ones(1, 1, kernel, kernel, dtype=torch.float64)

    def sums(values: Doubles) -> torch.Tensor:
        padded = functional.pad(torch.from_numpy(values), (*pads, *pads))
        return functional.conv2d(padded[None, None], ones, None, stride, 0, dilation)[0, 0]

    counts = torch.tensor(kernel**2) if include_pad else sums(np.ones_like(x))
    result = pooled(x, kernel, stride, pads, dilation, include_pad)
    np.testing.assert_allclose(result, sums(x) / counts, rtol=0, atol=1e-14)


def test_a_window_in_the_padding_alone_is_zero() -> None:
    matrix = average_pool_matrix(4, 2, 2, (2, 0), 1, include_pad=False)
    np.testing.assert_array_equal(matrix[0], np.zeros(4))
    np.testing.assert_array_equal(matrix[1], [0.5, 0.5, 0, 0])


@pytest.mark.parametrize(
    "section", [slice(None, None, 2), slice(1, None, 3), slice(None, None, -1), slice(2, 7)]
)
def test_slices(section: slice) -> None:
    x = random_map((9, 2))
    matrix = take_matrix(range(9)[section], 9)
    np.testing.assert_array_equal(matrix @ x, x[section])


def test_an_empty_slice() -> None:
    assert take_matrix(range(0), 9).shape == (0, 9)


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (2, 1), (0, 3), (-2, 1), (1, -3), (-1, -1)])
def test_padding_and_cropping(begin: int, end: int) -> None:
    x = random_map((8, 3))
    expected = functional.pad(torch.from_numpy(x), (0, 0, begin, end))
    np.testing.assert_array_equal(pad_matrix(begin, end, 8) @ x, expected)


def test_mean() -> None:
    x = random_map((12, 3))
    np.testing.assert_allclose(mean_matrix(12) @ x, x.mean(axis=0)[None], rtol=0, atol=1e-15)


@pytest.mark.parametrize(("input_block", "output_block"), [(8, 4), (8, 1), (4, 8), (1, 8), (2, 2)])
def test_jpeg_domain_form(input_block: int, output_block: int) -> None:
    """The operator between DCTs takes the twin of x to the twin of the result."""
    x = random_map((24, 16))
    rows, columns = take_matrix(range(0, 24, 3), 24), pad_matrix(3, 5, 16)
    left, right = (in_jpeg_domain(m, input_block, output_block) for m in (rows, columns))
    result = left @ to_jpeg(x, input_block) @ right.T
    expected = rows @ x @ columns.T
    np.testing.assert_allclose(to_spatial(result, output_block), expected, rtol=0, atol=1e-13)


def test_jpeg_domain_form_needs_blocks_that_divide() -> None:
    with pytest.raises(ValueError, match="block size 8 does not divide 12"):
        in_jpeg_domain(np.eye(16)[:12], 8, 8)


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
@pytest.mark.parametrize(
    ("begin", "end", "size"), [(2, 3, 5), (4, 0, 5), (0, 4, 5), (-2, 2, 5), (1, -3, 5), (-1, -2, 5)]
)
def test_elements_that_are_repeated(mode: Any, begin: int, end: int, size: int) -> None:
    indices = padded_indices(mode, begin, end, size)
    cut = np.arange(size)[max(-begin, 0) : size - max(-end, 0)]
    np.testing.assert_array_equal(indices, np.pad(cut, (max(begin, 0), max(end, 0)), mode))


def test_elements_that_cannot_be_repeated() -> None:
    assert padded_indices("reflect", 4, 0, 5) is not None
    assert padded_indices("reflect", 5, 0, 5) is None
    assert padded_indices("reflect", 3, -2, 5) is None
    assert padded_indices("edge", -3, -2, 5) is None
    assert padded_indices("wrap", 11, 0, 5) == [4, *range(5), *range(5), *range(5)]
