"""Max pooling with GPU kernels, compared with PyTorch and the references in float64."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from support.gpu_checks import excess, name_of
from support.gpu_maps import Doubles, pixels_of, rounded, run_kernel, stored
from support.tiers import thorough

from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.dct.frequencies import full, keep_band
from jpegcompile.dct.windows import Pads, Pair, taps
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.programs import ASM_RELU, NOTHING, RELU, Program
from jpegcompile.kernels.max_pool.launch import GlobalMaxPool, MaxPool
from jpegcompile.kernels.max_pool.reference import jpeg_asm_max_pool
from jpegcompile.precision import FLOAT16, FLOAT32, Precision

TILING = Tiling(64, 32)


@dataclass(frozen=True)
class Case:
    """A pooling; y has `frequencies` frequencies and masks `phi`; 0 means all."""

    batch: int
    channels: int
    size: Pair
    kernel: Pair = (3, 3)
    strides: Pair = (2, 2)
    pads: Pads = (1, 1, 1, 1)
    dilations: Pair = (1, 1)
    frequencies: int = 0
    is_rows: bool = False
    phi: int = 0
    program: Program = NOTHING
    precision: Precision = FLOAT32
    tiling: Tiling = TILING

    @property
    def pool(self) -> MaxPool:
        made = [
            (size + self.pads[axis] + self.pads[axis + 2] - step * (reach - 1) - 1) // stride + 1
            for axis, (size, reach, step, stride) in enumerate(
                zip(self.size, self.kernel, self.dilations, self.strides, strict=True)
            )
        ]
        block = block_size(*made)
        frequencies = self.frequencies or full(block)
        return MaxPool(
            MapLayout.whole(self.channels, *self.size, block_size(*self.size)),
            MapLayout(self.channels, made[0], made[1], block, frequencies, self.is_rows),
            self.kernel,
            self.strides,
            self.pads[:2],
            self.dilations,
            self.phi > 0,
            self.program,
        )


CASES = [
    Case(1, 20, (16, 16)),
    Case(1, 20, (16, 16), is_rows=True, program=RELU),
    Case(2, 5, (16, 8), strides=(1, 1), frequencies=6, is_rows=True),
    Case(1, 33, (8, 16), (3, 3), (1, 1), frequencies=7),
    Case(3, 1, (7, 9), (2, 3), (1, 2), (0, 2, 1, 0), tiling=Tiling(128, 16)),
    Case(1, 20, (13, 11), (3, 2), (1, 1), (2, 0, 1, 1), (2, 3)),
    Case(1, 130, (4, 4), (3, 3), (1, 1), tiling=Tiling(64, 64), is_rows=True, frequencies=3),
    Case(1, 20, (16, 16), phi=4),
    Case(1, 20, (12, 12), (5, 3), (1, 1), (2, 1, 2, 1), phi=2, is_rows=True),
    Case(1, 20, (16, 16), precision=FLOAT16, is_rows=True),
    Case(1, 20, (16, 16), precision=FLOAT16, frequencies=5, phi=3),
]
SWEEP = [
    Case(33, 20, (8, 8), strides=(1, 1), is_rows=True),
    Case(2, 130, (32, 48), is_rows=True, frequencies=9),
    Case(5, 17, (30, 22), (7, 5), (3, 2), (3, 1, 0, 4), (2, 1), phi=2),
    Case(2, 48, (56, 56), phi=8, precision=FLOAT16, tiling=Tiling(128, 32)),
    Case(7, 96, (14, 14), (2, 2), (2, 2), (0, 0, 0, 0), precision=FLOAT16),
    Case(2, 96, (28, 28), (4, 4), (2, 2), (1, 1, 1, 1), is_rows=True, frequencies=2),
]


def inputs(case: Case, pool: MaxPool) -> dict[str, Doubles]:
    """Return the input maps in memory layout."""
    shape = (case.batch, case.channels, *case.size)
    pixels = np.random.default_rng(7).standard_normal(shape)
    maps = {"x": pixels}
    if case.phi:
        block = pool.x.block
        maps["low"] = to_spatial(keep_band(to_jpeg(pixels, block), block, case.phi), block)
    return {name: rounded(stored(p, pool.x), case.precision) for name, p in maps.items()}


def exact(case: Case, x: Doubles) -> Doubles:
    """Return the maxima of PyTorch, which only has symmetric padding."""
    top, left, bottom, right = case.pads
    whole = torch.nn.functional.pad(
        torch.from_numpy(x), (left, right, top, bottom), value=-float("inf")
    )
    made: Doubles = torch.nn.functional.max_pool2d(
        whole, case.kernel, case.strides, 0, case.dilations
    ).numpy()
    return made


def at_positions(case: Case, x: Doubles, low: Doubles) -> Doubles:
    """Return the pixels of x at the first maximum of `low`."""
    window = (case.kernel, case.strides, case.pads, case.dilations, -np.inf)
    guesses = np.stack([seen for _, seen in taps(low, *window)])
    values = np.stack([seen for _, seen in taps(x, *window)])
    made: Doubles = np.take_along_axis(values, guesses.argmax(0)[None], 0)[0]
    return made


def check(case: Case, run_as: MaxPool | None = None) -> float:
    """Return the error relative to the tolerance; `run_as` is a faulty launch."""
    pool = case.pool
    given = inputs(case, pool)
    pixels = {name: pixels_of(values, pool.x) for name, values in given.items()}
    expected = at_positions(case, **pixels) if case.phi else exact(case, pixels["x"])
    if case.program is RELU:
        expected = np.maximum(expected, 0.0)
    launch = (run_as or pool).launch(case.batch, case.precision, case.tiling)
    given = {name: values for name, values in given.items() if name in launch.pointers}
    made = run_kernel(launch, given, pool.matrices, (case.batch, *pool.y.shape))
    return excess(made, expected, pool.y, case.precision)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_max_pool(case: Case) -> None:
    assert check(case) <= 1


@thorough
@pytest.mark.parametrize("case", SWEEP, ids=name_of)
def test_larger_max_pool(case: Case) -> None:
    assert check(case) <= 1


def test_asm_is_the_reference() -> None:
    case = Case(1, 4, (16, 8), phi=4, is_rows=True)
    pool, given = case.pool, inputs(case, case.pool)
    made = run_kernel(
        pool.launch(1, FLOAT32, TILING), given, pool.matrices, (case.batch, *pool.y.shape)
    )
    expected = jpeg_asm_max_pool(
        to_jpeg(pixels_of(given["x"], pool.x), pool.x.block),
        kernel_shape=case.kernel,
        input_block=pool.x.block,
        output_block=pool.y.block,
        frequencies=case.phi,
        strides=case.strides,
        pads=case.pads,
    )
    assert excess(made, to_spatial(expected, pool.y.block), pool.y, FLOAT32) <= 1


def test_the_first_of_equal_approximations_counts() -> None:
    pool = MaxPool(MapLayout.whole(1, 2, 2), MapLayout.whole(1, 1, 1), (2, 2), is_asm=True)
    x = np.arange(4.0).reshape(1, 1, 2, 2)
    low = np.array([0.0, 5.0, 5.0, 5.0]).reshape(1, 1, 2, 2)
    given = {"x": stored(x, pool.x), "low": stored(low, pool.x)}
    made = run_kernel(pool.launch(1, FLOAT32, TILING), given, {}, (1, *pool.y.shape))
    assert made[0, 0, 0, 0] == 1.0


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        (Case(1, 20, (8, 8), is_rows=True), {"pads": (0, 1)}),
        (Case(1, 20, (8, 8), dilations=(2, 1)), {"dilations": (1, 2)}),
        (Case(1, 20, (8, 8), phi=4), {"is_asm": False}),
        (Case(1, 20, (8, 8), precision=FLOAT16), {"kernel": (3, 2)}),
    ],
)
def test_a_fault_is_found(case: Case, fault: dict[str, Pair]) -> None:
    assert check(case, replace(case.pool, **fault)) > 1  # type: ignore[arg-type]


def test_a_transposed_transform_is_found() -> None:
    case = Case(1, 20, (16, 16), is_rows=True)
    pool, given = case.pool, inputs(case, case.pool)
    launch, shape = pool.launch(1, FLOAT32, TILING), (1, *pool.y.shape)
    right = exact(case, pixels_of(given["x"], pool.x))
    transposed = replace(pool.matrices["forward"], transform="inverse")
    for matrix, is_right in ((pool.matrices["forward"], True), (transposed, False)):
        made = run_kernel(launch, given, {"forward": matrix}, shape)
        assert (excess(made, right, pool.y, FLOAT32) <= 1) == is_right


def test_a_function_by_few_frequencies_follows() -> None:
    """ASM ReLU of the pooled map; another number of mask frequencies gives another map."""
    case = Case(1, 20, (16, 16), is_rows=True, frequencies=9)
    pool = replace(case.pool, program=ASM_RELU, phi=4)
    given = inputs(case, pool) | {"constants": np.zeros((1, padded(case.channels)))}
    launch = pool.launch(1, FLOAT32, TILING)
    made = run_kernel(launch, given, pool.matrices, (1, *pool.y.shape))
    pooled, block = exact(case, pixels_of(given["x"], pool.x)), pool.y.block
    for phi, is_right in ((4, True), (3, False)):
        few = to_spatial(keep_band(to_jpeg(pooled, block), block, phi), block)
        expected = np.where(few > 0, pooled, 0.0)
        assert (excess(made, expected, pool.y, FLOAT32) <= 1) == is_right


def test_padding_that_is_zero_is_found() -> None:
    """With zero padding, maxima of negative pixels at the border would be zero."""
    layout = MapLayout.whole(1, 3, 3)
    pool = MaxPool(layout, layout, (3, 3), pads=(1, 1))
    pixels = -1.0 - np.arange(9.0).reshape(1, 1, 3, 3)
    given = {"x": stored(pixels, layout)}
    made = run_kernel(pool.launch(1, FLOAT32, TILING), given, {}, (1, *layout.shape))
    right = exact(Case(1, 1, (3, 3), strides=(1, 1)), pixels)
    assert excess(made, right, layout, FLOAT32) <= 1
    padded = torch.nn.functional.pad(torch.from_numpy(pixels), (1, 1, 1, 1))
    wrong: Doubles = torch.nn.functional.max_pool2d(padded, 3, 1).numpy()
    assert excess(made, wrong, layout, FLOAT32) > 1


@pytest.mark.parametrize(
    ("batch", "channels", "size", "precision"),
    [(1, 20, (7, 7), FLOAT32), (3, 130, (3, 5), FLOAT16), (33, 1, (12, 1), FLOAT32)],
)
def test_global_max_pool(batch: int, channels: int, size: Pair, precision: Precision) -> None:
    pool = GlobalMaxPool(MapLayout.whole(channels, *size), MapLayout.whole(channels, 1, 1))
    pixels = np.random.default_rng(1).standard_normal((batch, channels, *size)) - 3.0
    x = rounded(stored(pixels, pool.x), precision)
    made = run_kernel(pool.launch(batch, precision, TILING), {"x": x}, {}, (batch, *pool.y.shape))
    given = pixels_of(x, pool.x)
    assert excess(made, given.max((2, 3), keepdims=True), pool.y, precision) <= 1
    assert excess(made, given[:, :, 1:].max((2, 3), keepdims=True), pool.y, precision) > 1


def test_layouts_that_no_kernel_takes() -> None:
    pixels, rows = MapLayout.whole(8, 8, 8, 8), MapLayout(8, 8, 8, 8, 15, True)
    with pytest.raises(ValueError, match="x is stored as coefficients; store it as pixels"):
        MaxPool(rows, pixels, (1, 1))
    with pytest.raises(ValueError, match="y has 8 channels; its layout must have 9"):
        MaxPool(MapLayout.whole(9, 8, 8, 8), pixels, (1, 1))
    with pytest.raises(ValueError, match="y is 8x8; its layout must be 1x1"):
        GlobalMaxPool(pixels, pixels)
    with pytest.raises(ValueError, match="x has 4 channels in memory; pad them to 16"):
        GlobalMaxPool(MapLayout(3, 8, 8, 1, 1, False, 4), pixels)
