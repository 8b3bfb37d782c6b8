"""Separable operators and rearrangements on CUDA, with the tables of Python.

Triton's interpreter replays the launches, and the results are compared with float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.cuda_launches import Given, Node
from support.cuda_replay import (
    Made,
    MapCase,
    Order,
    attributes_of,
    line_of,
    made_by,
    require_same,
)
from support.gpu_maps import Doubles

from jpegcompile.dct.blocks import axis_dct, to_jpeg, to_spatial
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.kernels.rearrange.launch import Rearrange
from jpegcompile.kernels.resample.launch import Resample, banded
from jpegcompile.precision import FLOAT32

BATCH = 2
HEIGHT, WIDTH = 8, 16
# Error of several consecutive matrix products in float32.
ALLOWED = 2e-5


def means(size: int) -> Doubles:
    """Return a matrix [size / 2, size] that averages every second pixel with its neighbors."""
    made = np.zeros((size // 2, size))
    for output, row in enumerate(made):
        row[max(2 * output - 1, 0) : 2 * output + 2] = 1
    made /= made.sum(1, keepdims=True)
    return made


def more(size: int) -> Doubles:
    """Return a matrix that appends eight rows of zeros."""
    return np.eye(size + 8, size)


def separable(
    op: str, x: Order, y: Order, axis: Callable[[int], Doubles], is_constant: bool = True
) -> MapCase:
    """Return a case that applies a matrix to each axis of the pixels."""
    shape = (BATCH, 32 if x.group == 16 else 20, HEIGHT, WIDTH)
    composed = []
    for size in (HEIGHT, WIDTH):
        matrix = axis(size)
        outer, inner = axis_dct(len(matrix), y.block), axis_dct(size, x.block)
        composed.append((outer @ matrix @ inner.T).astype(np.float32))
    inputs: list[str | Given] = [line_of(shape)]
    inputs += [Given(composed[0], is_constant), Given(composed[1].T, is_constant)]
    attributes = attributes_of("x y", [x, y], input_block=x.block, output_block=y.block)

    def meant(given: Doubles) -> Doubles:
        pixels = axis(HEIGHT) @ to_spatial(given, x.block) @ axis(WIDTH).T
        return to_jpeg(pixels, y.block)

    name = f"{op}-{x.group}-{is_constant}"
    return MapCase(name, Node(op, attributes, inputs), x, shape, y, meant)


def to_depth(pixels: Doubles, side: int) -> Doubles:
    batch, channels, height, width = pixels.shape
    split = pixels.reshape(batch, channels, height // side, side, width // side, side)
    moved = split.transpose(0, 3, 5, 1, 2, 4)
    return moved.reshape(batch, channels * side * side, height // side, width // side)


def to_space(pixels: Doubles, side: int) -> Doubles:
    batch, channels, height, width = pixels.shape
    split = pixels.reshape(batch, side, side, channels // side**2, height, width)
    moved = split.transpose(0, 3, 4, 1, 5, 2)
    return moved.reshape(batch, channels // side**2, height * side, width * side)


def rearranged(op: str, channels: int, x_block: int, y_block: int) -> MapCase:
    shape = (BATCH, channels, HEIGHT, WIDTH)
    move = to_depth if op == "JpegSpaceToDepth" else to_space
    attributes = {"blocksize": 2, "input_block": x_block, "output_block": y_block}
    node = Node(op, attributes, [line_of(shape), *["input 1"] * 4])
    x, y = Order(1, x_block), Order(1, y_block)
    return MapCase(
        f"{op}-{channels}",
        node,
        x,
        shape,
        y,
        lambda given: to_jpeg(move(to_spatial(given, x_block), 2), y_block),
    )


_ALL = [
    separable("JpegAveragePool", Order(16, 8), Order(16, 4), means),
    separable("JpegAveragePool", Order(1, 8), Order(1, 4), means, is_constant=False),
    separable("JpegPad", Order(1, 4), Order(1, 8), more),
    rearranged("JpegSpaceToDepth", 16, 8, 4),
    rearranged("JpegSpaceToDepth", 3, 1, 1),
    rearranged("JpegDepthToSpace", 64, 4, 8),
    rearranged("JpegDepthToSpace", 12, 8, 8),
]
CASES = {case.name: case for case in _ALL}
SEPARABLE = [name for name, case in CASES.items() if case.node.op in ("JpegAveragePool", "JpegPad")]
REARRANGED = [name for name in CASES if name not in SEPARABLE]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Record the launches of all cases in one process."""
    folder = tmp_path_factory.mktemp("rearranged")
    all_made = made_by(folder, [case.node for case in CASES.values()])
    return dict(zip(CASES, all_made, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_launches_make_what_the_operator_means(name: str, made: dict[str, Made]) -> None:
    assert CASES[name].error(made[name]) < ALLOWED


def test_a_wrong_matrix_is_found(made: dict[str, Made]) -> None:
    name = SEPARABLE[0]
    faulty = made[name].scaled("resample", "column_weights", 1 + 1e-3)
    assert CASES[name].error(faulty) > 10 * ALLOWED


def without_rounding(matrix: Doubles) -> Doubles:
    """Remove the rounding errors of products of transforms from a matrix."""
    largest = np.abs(matrix).max(1, keepdims=True)
    return np.where(np.abs(matrix) < 2.0**-40 * largest, np.float32(0), matrix)


@pytest.mark.parametrize("name", SEPARABLE)
def test_a_separable_operator_reads_the_tables_of_python(name: str, made: dict[str, Made]) -> None:
    case, done = CASES[name], made[name].done
    _, channels, height, width = done.made
    given = [one.values for one in case.node.inputs if isinstance(one, Given)]
    tables = [banded(without_rounding(given[0])), banded(without_rounding(given[1].T))]
    reach = tables[0][0].shape[1], tables[1][0].shape[1]
    spec = Resample(MapLayout(channels, HEIGHT, WIDTH), MapLayout(channels, height, width), reach)
    launched, cubin = made[name].launched("resample")
    launch = spec.launch(BATCH, FLOAT32, spec.default_tiling(FLOAT32))
    if case.x.group == 1:
        require_same(launched, cubin, launch)
    found = launched.arguments(cubin)
    assert (found["reach_h"], found["reach_w"]) == reach
    for side, (weights, starts) in zip(("row", "column"), tables, strict=True):
        copied = done.copied[found[f"{side}_weights"]]
        np.testing.assert_array_equal(copied, weights.reshape(-1))
        np.testing.assert_array_equal(done.copied[found[f"{side}_starts"]].view(np.int32), starts)


@pytest.mark.parametrize("name", REARRANGED)
def test_a_rearrangement_is_launched_as_by_python(name: str, made: dict[str, Made]) -> None:
    case = CASES[name]
    _, channels, height, width = case.shape
    _, outputs, made_height, made_width = made[name].done.made
    is_rows = case.y.block > 1
    y = replace(MapLayout.whole(outputs, made_height, made_width, case.y.block), is_rows=is_rows)
    spec = Rearrange(MapLayout(channels, height, width), y, 2, "ToDepth" in case.node.op)
    launch = spec.launch(BATCH, FLOAT32, spec.default_tiling(FLOAT32))
    # Coefficients are at their positions in the map.
    at_places = replace(launch, constants={**launch.constants, "Y_ROWS": 0})
    launched, cubin = made[name].launched(spec.kernel)
    require_same(launched, cubin, at_places, "y_" if is_rows else "")
