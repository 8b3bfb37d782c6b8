"""Every filter of every library, against that library on planes of float32."""

from __future__ import annotations

import numpy as np
import pytest
from support.resizing import every_filter, named, resized, tolerance
from support.tiers import thorough

from jpegcompile.dct.filters import taps_of
from jpegcompile.jpeg.frame import Frame
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.steps import Filter, Interpolation, Resize, Size

# (height, width) before and after. OpenCV's wheels round positions to float32 where a side has
# less than 6 pixels, and torch 2.13 antialiases wrongly to a width of 1.
SMALL = [((1, 1), (5, 3)), ((97, 61), (32, 40)), ((30, 200), (61, 50)), ((16, 64), (32, 16))]
LARGE = [
    ((4000, 8), (224, 9)),
    ((7, 3152), (7, 2080)),
    ((3435, 6), (3922, 6)),
    ((9, 352), (8, 3859)),
]


def difference(
    filter: Filter, before: Size, after: Size, nudge: float = 0.0, oracle: Filter | None = None
) -> float:
    """The largest one on the unit scale, of random planes that are resized both ways."""
    expected = oracle or filter
    height, width = before
    plane = np.random.default_rng(before + after).uniform(0, 255, before).astype(np.float32)
    geometry = Geometry(Resize("exact", after, filter=filter))
    placement = geometry.place(Frame(height, width, ((1, 1),), "gray"), after)
    rows, columns = taps_of(placement.rows), taps_of(placement.columns)
    made = np.einsum("ot,otw->ow", rows.weights + nudge, plane.astype(np.float64)[rows.places])
    made = np.einsum("ot,hot->ho", columns.weights, made[:, columns.places])
    reference = resized(plane, after, expected)
    return float(np.abs(made - reference).max()) / 255


@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_small_planes(filter: Filter) -> None:
    for before, after in SMALL:
        assert difference(filter, before, after) < tolerance(filter, before, after), (before, after)


@pytest.mark.sampled
@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_long_axes(filter: Filter) -> None:
    for before, after in LARGE:
        assert difference(filter, before, after) < tolerance(filter, before, after), (before, after)


@thorough
@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_random_sizes(filter: Filter) -> None:
    generator = np.random.default_rng(1)
    for _ in range(100):
        height, rows = (int(size) for size in generator.integers(1, 4000, 2))
        width, columns = (int(size) for size in generator.integers(6, 12, 2))
        before, after = (max(height, 6), width), (max(rows, 6), columns)
        assert difference(filter, before, after) < tolerance(filter, before, after), (before, after)
        turned = before[::-1], after[::-1]
        assert difference(filter, *turned) < tolerance(filter, *turned), (before, after)


@thorough
@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_sizes_of_few_pixels(filter: Filter) -> None:
    generator = np.random.default_rng(2)
    for _ in range(300):
        sizes = [int(size) for size in generator.integers(2, 24, 4)]
        before, after = (sizes[0], sizes[1]), (sizes[2], sizes[3])
        assert difference(filter, before, after) < tolerance(filter, before, after), (before, after)


@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_planted_faults_fail(filter: Filter) -> None:
    assert difference(filter, *SMALL[1], nudge=1e-4) > tolerance(filter, *SMALL[1])
    for other in every_filter():
        if (other.library, other.name) == (filter.library, filter.name):
            continue
        # Two libraries may mean the same by different names, but no library has one filter twice.
        if other.library == filter.library:
            assert difference(filter, *SMALL[1], oracle=other) > tolerance(filter, *SMALL[1]), other


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
def test_antialiasing_matters(name: Interpolation) -> None:
    sharp = Filter(name, "torchvision", antialias=False)
    assert difference(sharp, *SMALL[1], oracle=Filter(name, "torchvision")) > tolerance(
        sharp, *SMALL[1]
    )
