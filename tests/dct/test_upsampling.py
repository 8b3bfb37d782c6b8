"""Chroma upsampling: libjpeg's triangle filter and replication, by the frame header's factors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from support.maps import random_map

from jpegcompile.dct.upsampling import Upsampling, upsample_axis
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import Frame


def chroma(luma: tuple[int, int], width: int = 16) -> Upsampling:
    """Of the first chroma component (1, 1), that wide, beside luma of those factors."""
    return Upsampling.of(frame(luma, (1, 1), width * luma[0]), 1)


def frame(luma: tuple[int, int], component: tuple[int, int], width: int) -> Frame:
    return Frame(16, width, (luma, component, component), "ycbcr")


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
    assert Upsampling.of(frame((4, 2), (2, 2), 18), 1) == Upsampling(1, 2, True)
    assert Upsampling.of(frame((2, 2), (2, 2), 9), 2) == Upsampling(1, 1, False)


def test_luma_may_be_the_smaller_one() -> None:
    assert Upsampling.of(frame((1, 1), (2, 2), 18), 0) == Upsampling(2, 2, True)


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
        Upsampling.of(frame(luma, component, 18), 1)
    assert caught.value.code == "sampling-fractional"


@pytest.mark.parametrize("luma", [(2, 2), (4, 1), (1, 1)])
def test_taps_upsample_any_pixels(luma: tuple[int, int]) -> None:
    upsampling = chroma(luma)
    samples: NDArray[np.float64] = random_map((9, 2))
    factor = upsampling.horizontal
    pixels = np.arange(2, 9 * factor)
    taps = upsampling.taps(factor, 9, pixels)
    whole = upsample_axis(samples, factor, upsampling.triangle)
    made = sum(weight * samples[places] for places, weight in taps)
    np.testing.assert_allclose(made, whole[pixels], rtol=0, atol=1e-15)
    assert sum(weight for _, weight in taps) == 1.0


def test_taps_repeat_the_last_sample() -> None:
    for luma in ((2, 2), (4, 1)):
        upsampling = chroma(luma)
        behind = upsampling.taps(upsampling.horizontal, 3, np.array([40]))
        assert [int(places[0]) for places, _ in behind] == [2] * len(behind)
