"""Separable linear operators with GPU kernels, compared with matrix products in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from support.gpu_checks import excess, name_of
from support.gpu_maps import Doubles, pixels_of, rounded, run_kernel, stored
from support.tiers import thorough

from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.dct.frequencies import full
from jpegcompile.dct.linear import (
    average_pool_matrix,
    in_jpeg_domain,
    mean_matrix,
    pad_matrix,
    sum_matrix,
    take_matrix,
)
from jpegcompile.dct.windows import Pair
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import NOTHING, RELU, Program
from jpegcompile.kernels.average_pool.reference import jpeg_average_pool
from jpegcompile.kernels.resample.launch import Resample, banded, pixel_matrix, tables
from jpegcompile.kernels.resample.reference import jpeg_pad, jpeg_slice
from jpegcompile.precision import FLOAT16, FLOAT32, Precision

TILING = Tiling(64, 32)


def linear(outputs: int, size: int) -> Doubles:
    """Return the interpolation of `size` samples at `outputs` positions over the same span."""
    place = np.clip((np.arange(outputs) + 0.5) * size / outputs - 0.5, 0, size - 1)
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(size)))


def matrix(kind: str, size: int) -> Doubles:
    """Return a matrix on an axis of pixels, by a short name."""
    made: dict[str, Callable[[], Doubles]] = {
        "pool": lambda: average_pool_matrix(size, 3, 2, (1, 0), 1, False),
        "dilated": lambda: average_pool_matrix(size, 2, 1, (2, 1), 3, True),
        "flip": lambda: take_matrix(range(size)[::-1], size),
        "slice": lambda: take_matrix(range(1, size, 2), size),
        "pad": lambda: pad_matrix(3, 1, size),
        "crop": lambda: pad_matrix(-1, -1, size),
        "up": lambda: linear(2 * size, size),
        "down": lambda: linear(size // 2 + 1, size),
        "mean": lambda: mean_matrix(size),
        "sum": lambda: sum_matrix(size),
        "same": lambda: np.eye(size),
    }
    return made[kind]()


@dataclass(frozen=True)
class Case:
    """Matrices on both axes by name; y has `frequencies` frequencies, 0 for all."""

    rows: str
    columns: str
    batch: int
    channels: int
    size: Pair
    frequencies: int = 0
    is_rows: bool = False
    program: Program = NOTHING
    precision: Precision = FLOAT32
    tiling: Tiling = TILING

    @property
    def axes(self) -> tuple[Doubles, Doubles]:
        return matrix(self.rows, self.size[0]), matrix(self.columns, self.size[1])


CASES = [
    Case("pool", "pool", 1, 20, (15, 15)),
    Case("pool", "dilated", 2, 5, (9, 7), is_rows=True, program=RELU),
    Case("flip", "slice", 1, 20, (8, 17), is_rows=True, frequencies=6),
    Case("pad", "crop", 3, 1, (4, 10), precision=FLOAT16),
    Case("up", "up", 1, 33, (4, 8), frequencies=5),
    Case("down", "up", 1, 20, (6, 4), is_rows=True, precision=FLOAT16),
    Case("mean", "same", 2, 20, (11, 8), precision=FLOAT16),
    Case("same", "sum", 1, 130, (4, 9), tiling=Tiling(64, 64)),
    Case("same", "mean", 33, 2, (2, 3), is_rows=True, tiling=Tiling(128, 16)),
]
SWEEP = [
    Case("pool", "pool", 2, 130, (15, 31), is_rows=True),
    Case("up", "up", 1, 48, (12, 28), is_rows=True, frequencies=8),
    Case("mean", "same", 1, 64, (112, 56), precision=FLOAT16),
    Case("dilated", "down", 33, 17, (6, 14), precision=FLOAT16),
    Case("pad", "pad", 2, 64, (28, 28), is_rows=True, precision=FLOAT16, tiling=Tiling(128, 32)),
]


def resample_of(case: Case) -> Resample:
    height, width = (len(axis) for axis in case.axes)
    block = block_size(height, width)
    frequencies = case.frequencies or full(block)
    return Resample(
        MapLayout.whole(case.channels, *case.size, block_size(*case.size)),
        MapLayout(case.channels, height, width, block, frequencies, case.is_rows),
        tables(*case.axes)[1],
        case.program,
    )


def check(case: Case, axes: tuple[Doubles, Doubles] | None = None) -> float:
    """Return the error relative to the tolerance; `axes` are faulty matrices for the kernel."""
    resample = resample_of(case)
    shape = (case.batch, case.channels, *case.size)
    x = rounded(stored(np.random.default_rng(5).standard_normal(shape), resample.x), case.precision)
    rows, columns = case.axes
    expected: Doubles = np.einsum("ph,nchw,qw->ncpq", rows, pixels_of(x, resample.x), columns)
    if case.program is RELU:
        expected = np.maximum(expected, 0.0)
    read, reach = tables(*(axes or case.axes))
    launch = replace(resample, reach=reach).launch(case.batch, case.precision, case.tiling)
    made = run_kernel(launch, {"x": x, **read}, resample.matrices, (case.batch, *resample.y.shape))
    return excess(made, expected, resample.y, case.precision)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_resample(case: Case) -> None:
    assert check(case) <= 1


@thorough
@pytest.mark.parametrize("case", SWEEP, ids=name_of)
def test_larger_resample(case: Case) -> None:
    assert check(case) <= 1


def from_composed(rows: Doubles, columns: Doubles, size: Pair, channels: int) -> Doubles:
    """Return the coefficients of the kernel with the float32 matrices of a compiled graph."""
    made = len(rows), len(columns)
    given, block = block_size(*size), block_size(*made)
    composed = (in_jpeg_domain(axis, given, block).astype(np.float32) for axis in (rows, columns))
    read, reach = tables(*(pixel_matrix(axis, given, block) for axis in composed))
    x = MapLayout.whole(channels, *size, given)
    y = MapLayout(channels, *made, block, full(block), True)
    pixels = stored(pixel_maps(channels, size), x)
    resample = Resample(x, y, reach)
    launch = resample.launch(1, FLOAT32, Tiling(64, 32))
    values = run_kernel(launch, {"x": pixels, **read}, resample.matrices, (1, *y.shape))
    return to_jpeg(pixels_of(values, y), block)


def pixel_maps(channels: int, size: Pair) -> Doubles:
    return np.random.default_rng(2).standard_normal((1, channels, *size))


def test_operators_of_compiled_graphs_are_the_references() -> None:
    """An average pool, a slice and a pad, with the matrices of their operators."""
    maps = pixel_maps(3, (16, 8))
    x = to_jpeg(maps, 8)
    rows = average_pool_matrix(16, 3, 2, (1, 0), 1, False)
    columns = average_pool_matrix(8, 3, 2, (1, 0), 1, False)
    pooled = jpeg_average_pool(
        x, kernel_shape=(3, 3), input_block=8, output_block=4, strides=(2, 2), pads=(1, 1, 0, 0)
    )
    sliced = jpeg_slice(x, slice(1, 13), slice(7, None, -1), input_block=8, output_block=4)
    padded = jpeg_pad(x, (2, 1, -2, 3), input_block=8, output_block=4)
    for expected, axes in (
        (pooled, (rows, columns)),
        (sliced, (take_matrix(range(1, 13), 16), take_matrix(range(7, -1, -1), 8))),
        (padded, (pad_matrix(2, -2, 16), pad_matrix(1, 3, 8))),
    ):
        made = from_composed(*axes, (16, 8), 3)
        assert np.abs(made - expected).max() <= 2e-5 * np.abs(expected).max()
        assert np.abs(to_spatial(made, 4) - expected).max() > 0.1 * np.abs(expected).max()


@pytest.mark.parametrize("kind", ["pool", "dilated", "slice", "pad", "up", "down", "mean"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bands_survive_the_composition(kind: str, dtype: type[np.floating]) -> None:
    """R has only the nonzero entries of the operator, for each pair of block sizes."""
    size = 56
    expected = matrix(kind, size)
    for given in (8, 4, 2, 1):
        for block in (b for b in (8, 4, 2, 1) if len(expected) % b == 0):
            composed = in_jpeg_domain(expected, given, block).astype(dtype)
            made = pixel_matrix(composed, given, block)
            assert np.array_equal(made != 0, expected != 0)
            assert np.abs(made - expected).max() <= 64 * np.finfo(dtype).eps


def test_rounding_that_is_kept_widens_bands() -> None:
    """`pixel_matrix` removes rounding errors, without which a band of 3 would be a band of 56."""
    composed = in_jpeg_domain(matrix("pool", 56), 8, 4).astype(np.float32)
    kept = to_spatial_axes(composed.astype(np.float64), 8, 4)
    assert banded(kept)[0].shape[1] > 8
    assert banded(pixel_matrix(composed, 8, 4))[0].shape[1] == 3


def to_spatial_axes(composed: Doubles, given: int, block: int) -> Doubles:
    outputs, size = composed.shape
    wide = in_jpeg_domain(np.eye(outputs), 1, block).T @ composed
    return np.asarray(wide @ in_jpeg_domain(np.eye(size), 1, given), np.float64)


def test_bands() -> None:
    weights, starts = banded(np.array([[0, 0, 0, 0], [0, 1, 0, 2], [0, 0, 0, 3.0]]))
    assert starts.tolist() == [0, 1, 1]
    assert weights.tolist() == [[0, 0, 0], [1, 0, 2], [0, 0, 3]]
    assert banded(np.zeros((2, 5)))[0].shape == (2, 1)


@pytest.mark.parametrize("precision", [FLOAT32, FLOAT16], ids=lambda p: p.name)
@pytest.mark.parametrize("kind", ["transposed", "shifted", "without pads"])
def test_a_fault_is_found(kind: str, precision: Precision) -> None:
    case = Case("pad", "pool", 1, 20, (8, 8), is_rows=True, precision=precision)
    rows, columns = case.axes
    faults = {
        "transposed": (matrix("flip", 12) @ rows, columns),
        "shifted": (np.roll(rows, 1, 1), columns),
        "without pads": (rows, average_pool_matrix(8, 3, 2, (0, 1), 1, False)),
    }
    assert check(case, faults[kind]) > 1


def test_what_has_no_weight_is_not_read() -> None:
    """Padding next to infinite pixels is zero, not NaN."""
    case = Case("pad", "same", 1, 1, (2, 2))
    resample = resample_of(case)
    read, _ = tables(*case.axes)
    x = stored(np.ones((1, 1, 2, 2)), resample.x)
    x[0, :, :, 0] = np.inf
    launch = resample.launch(1, FLOAT32, case.tiling)
    y = replace(resample.y, block=1, frequencies=1)
    launch = replace(launch, constants={**launch.constants, "Y_MIXED": False})
    made = run_kernel(launch, {"x": x, **read}, {}, (1, *y.shape))
    assert not made[0, :3].any()


def test_layouts_that_no_kernel_takes() -> None:
    rows = MapLayout(8, 8, 8, 8, 15, True)
    with pytest.raises(ValueError, match="resample: x is stored as coefficients"):
        Resample(rows, rows, (1, 1))
