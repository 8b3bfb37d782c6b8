"""Banded operators are the dense ones, tile by tile, in memory that grows with the size alone."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from support.coefficient_files import SAMPLINGS
from support.maps import random_map
from support.network_inputs import network_input

from jpegcompile.dct.axis_operator import axis_operator
from jpegcompile.dct.banded import TILE, BandedOperator
from jpegcompile.dct.blocks import BLOCK_SIZES, axis_dct
from jpegcompile.dct.ingest import ingest, ingest_operators
from jpegcompile.dct.upsampling import upsample_axis
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame, ceil_div
from jpegcompile.preprocessing.geometry import AxisPlacement
from jpegcompile.preprocessing.presets import PRESETS

Doubles = NDArray[np.float64]
# Products of orthonormal matrices, with sums of eight terms.
ROUNDING = 1e-14
FILTERS = ((1, False), (2, True), (2, False), (3, False), (4, False))


def whole_axis(
    size: int, true_size: int, factor: int, triangle: bool, block: int
) -> BandedOperator:
    """The operator of an axis that is neither resized nor cropped."""
    return axis_operator(AxisPlacement.whole(size), true_size, factor, triangle, block)


def dense(size: int, true_size: int, factor: int, triangle: bool, block: int) -> Doubles:
    """Inverse DCT, crop, upsampling, crop and DCT, each as a matrix of the whole axis."""
    samples = axis_dct(8 * ceil_div(true_size, 8), 8).T[:true_size]
    upsampled = upsample_axis(samples, factor, triangle)[:size]
    return np.asarray(axis_dct(size, block) @ upsampled)


def assert_is(operator: BandedOperator, expected: Doubles) -> None:
    np.testing.assert_allclose(operator.dense(), expected, rtol=0, atol=ROUNDING)
    planes = random_map((2, operator.inputs, 5))
    rows = operator.rows(planes)
    np.testing.assert_allclose(rows, expected @ planes, rtol=0, atol=ROUNDING * 100)
    columns = operator.columns(planes.swapaxes(1, 2))
    np.testing.assert_allclose(columns, rows.swapaxes(1, 2), rtol=0, atol=ROUNDING * 100)


@pytest.mark.parametrize(("factor", "triangle"), FILTERS)
def test_every_size_is_the_dense_operator(factor: int, triangle: bool) -> None:
    for size in (*range(1, 71), 98, 130, 224):
        true_size = ceil_div(size, factor)
        for block in BLOCK_SIZES:
            if size % block == 0:
                expected = dense(size, true_size, factor, triangle, block)
                operator = whole_axis(size, true_size, factor, triangle, block)
                assert operator.values.shape[2] <= 2 * TILE
                assert_is(operator, expected)


@pytest.mark.parametrize("fault", ["one value", "one place"])
def test_planted_faults_are_seen(fault: str) -> None:
    expected = dense(224, 112, 2, True, 8)
    operator = whole_axis(224, 112, 2, True, 8)
    values, starts = operator.values.copy(), operator.starts.copy()
    if fault == "one value":
        values[9, 3, 5] += 1e-11
    else:
        starts[9] += 8
    with pytest.raises(AssertionError, match="Not equal"):
        assert_is(BandedOperator(values, starts, 224, operator.inputs), expected)


def test_what_changes_nothing_is_not_applied() -> None:
    planes = random_map((32, 32))
    operator = whole_axis(32, 32, 1, False, 8)
    assert operator.is_identity
    assert operator.rows(planes) is planes
    assert operator.columns(planes) is planes
    for size, block in ((36, 4), (28, 8)):
        assert not whole_axis(size, size, 1, False, min(block, 4)).is_identity
    values = operator.values.copy()
    values[2, 1, 1] += 1e-12
    assert not BandedOperator(values, operator.starts, 32, 32).is_identity


def test_an_axis_of_a_large_photograph_is_small() -> None:
    tracemalloc.start()
    try:
        for size in (4032, 3024):
            for factor, triangle in FILTERS[:2]:
                axis_operator.clear()
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                operator = whole_axis(size, ceil_div(size, factor), factor, triangle, 8)
                peak = tracemalloc.get_traced_memory()[1] - before
                assert operator.nbytes <= 8 * size * 2 * TILE + size
                # A dense one has 130 MB and 73 MB.
                assert peak < 4 << 20
    finally:
        tracemalloc.stop()


def test_the_ingest_of_a_large_photograph_needs_a_few_images_of_memory() -> None:
    frame = Frame(3024, 4032, SAMPLINGS["4:2:0"], "ycbcr")
    generator = np.random.default_rng(0)
    planes = []
    for index in range(3):
        plane = np.zeros((*frame.block_counts(index), 8, 8), np.int16)
        plane[..., :2, :2] = generator.integers(-99, 100, (*plane.shape[:2], 2, 2))
        planes.append(plane)
    tables = np.ones((3, 8, 8), np.uint16)
    image = Coefficients(tuple(planes), tables, frame, progressive=False)
    taken = network_input(frame, "RGB", PRESETS["none"].affine(3))
    axis_operator.clear()
    tracemalloc.start()
    try:
        result = ingest(image, taken)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Three components and three channels of float64, and what one component is on its way.
    assert peak < 9 * 8 * 3024 * 4032
    part = ingest_operators(frame, taken)
    corner = [p[:2, :2].astype(np.float64) for p in planes]
    luma = corner[0].swapaxes(1, 2).reshape(16, 16)
    chroma = corner[2].swapaxes(1, 2).reshape(16, 16)
    rows, columns = part.rows[2].dense()[:8, :16], part.columns[2].dense()[:8, :16]
    red = luma[:8, :8] + 1.402 * (rows @ chroma @ columns.T)
    red[0, 0] += 8 * 128
    np.testing.assert_allclose(result[0, :8, :8], red, rtol=0, atol=1e-10)
