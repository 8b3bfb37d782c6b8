"""Chroma upsampling: libjpeg's triangle filter and replication, by the frame header's factors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from support.maps import random_map

from jpegcompile.dct.upsampling import Upsampling, upsample_axis
from jpegcompile.errors import ImageError


def chroma(luma: tuple[int, int], width: int = 16) -> Upsampling:
    """Of the first chroma component (1, 1) beside luma of those factors."""
    return Upsampling.of((luma, (1, 1), (1, 1)), 1, width)


def test_triangle_on_three_samples() -> None:
    samples = np.array([[0.0], [4.0], [16.0]])
    doubled = upsample_axis(samples, 2, triangle=True)
    # 3/4 near + 1/4 far; the first and the last repeat themselves.
    np.testing.assert_array_equal(doubled[:, 0], [0.0, 1.0, 3.0, 7.0, 13.0, 16.0])


def test_triangle_on_one_sample() -> None:
    np.testing.assert_array_equal(upsample_axis(np.array([[5.0]]), 2, True), [[5.0], [5.0]])


@pytest.mark.parametrize(("factor", "triangle"), [(1, True), (2, False), (3, True), (4, False)])
def test_other_factors_replicate(factor: int, triangle: bool) -> None:
    samples = random_map((5, 3))
    expected = samples[np.arange(5 * factor) // factor]
    np.testing.assert_array_equal(upsample_axis(samples, factor, triangle), expected)


def test_formulas_of_the_contract() -> None:
    p = random_map((7, 2))
    doubled = upsample_axis(p, 2, triangle=True)
    for i in range(7):
        before, after = p[max(i - 1, 0)], p[min(i + 1, 6)]
        np.testing.assert_allclose(doubled[2 * i], 0.75 * p[i] + 0.25 * before, rtol=1e-15)
        np.testing.assert_allclose(doubled[2 * i + 1], 0.75 * p[i] + 0.25 * after, rtol=1e-15)


@pytest.mark.parametrize(
    ("luma", "width", "expected"),
    [
        ((1, 1), 16, Upsampling(1, 1, False)),
        ((2, 1), 3, Upsampling(1, 2, True)),
        ((2, 2), 3, Upsampling(2, 2, True)),
        ((1, 2), 3, Upsampling(2, 1, True)),
        # Two samples wide or less: replication on both axes, where the width is subsampled.
        ((2, 1), 2, Upsampling(1, 2, False)),
        ((2, 2), 2, Upsampling(2, 2, False)),
        ((2, 2), 1, Upsampling(2, 2, False)),
        ((1, 2), 2, Upsampling(2, 1, True)),
        ((1, 2), 1, Upsampling(2, 1, True)),
        # No triangle filter for other factors, nor for a 2 beside them.
        ((4, 1), 16, Upsampling(1, 4, False)),
        ((4, 2), 16, Upsampling(2, 4, False)),
        ((2, 4), 16, Upsampling(4, 2, False)),
        ((1, 3), 16, Upsampling(3, 1, False)),
    ],
)
def test_filter_of_a_component(luma: tuple[int, int], width: int, expected: Upsampling) -> None:
    assert chroma(luma, width) == expected


def test_only_ratios_count() -> None:
    assert Upsampling.of(((4, 2), (2, 2), (2, 2)), 1, 9) == Upsampling(1, 2, True)
    assert Upsampling.of(((2, 2), (2, 2), (2, 2)), 2, 9) == Upsampling(1, 1, False)


def test_luma_may_be_the_smaller_one() -> None:
    assert Upsampling.of(((1, 1), (2, 2), (2, 2)), 0, 9) == Upsampling(2, 2, True)


@pytest.mark.parametrize(
    ("luma", "component", "message"),
    [
        ((3, 1), (2, 1), "component 1 is subsampled by a fraction (3/2 x 1/1)"),
        ((2, 3), (1, 2), "component 1 is subsampled by a fraction (2/1 x 3/2)"),
    ],
)
def test_fractions_are_refused(
    luma: tuple[int, int], component: tuple[int, int], message: str
) -> None:
    with pytest.raises(ImageError) as caught:
        Upsampling.of((luma, component, component), 1, 9)
    assert str(caught.value) == f"{message}; save the image with whole sampling factors"


@pytest.mark.parametrize("luma", [(2, 2), (4, 1), (1, 1)])
def test_axis_matrix_upsamples_and_crops(luma: tuple[int, int]) -> None:
    upsampling = chroma(luma)
    samples: NDArray[np.float64] = random_map((9, 2))
    factor = upsampling.horizontal
    matrix = upsampling.axis_matrix(factor, 9, 9 * factor - factor // 2)
    whole = upsample_axis(samples, factor, upsampling.triangle)
    np.testing.assert_allclose(matrix @ samples, whole[: matrix.shape[0]], rtol=0, atol=1e-15)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, rtol=0, atol=1e-15)
