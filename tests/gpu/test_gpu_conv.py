"""Convolutions with GPU kernels, compared with PyTorch in float64 with the same masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
import torch
from support.gpu_checks import excess, name_of
from support.gpu_maps import Doubles, pixels_of, rounded, run_kernel, stored
from support.tiers import thorough
from torch.nn import functional

from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.dct.frequencies import full, keep_band
from jpegcompile.dct.windows import Pair
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout, padded_rows
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.gpu.programs import (
    ASM_CLIP,
    ASM_PRELU,
    ASM_RELU,
    CLIP,
    NOTHING,
    PRELU,
    RELU,
    Program,
    of_approximation,
)
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import FLOAT16, FLOAT32, TF32X3, Precision

LOW, HIGH, SLOPE = -0.4, 0.9, 0.2
# Constants of programs for every channel.
CONSTANTS: dict[Program, tuple[float, ...]] = {
    PRELU: (SLOPE,),
    CLIP: (LOW, HIGH),
    ASM_RELU: (0.0,),
    ASM_PRELU: (SLOPE, 0.0),
    ASM_CLIP: (LOW, HIGH),
}


@dataclass(frozen=True)
class Case:
    """A convolution; `kept` and `read` are numbers of frequencies, 0 for all."""

    batch: int = 1
    channels: Pair = (20, 24)
    size: Pair = (16, 16)
    kernel: Pair = (3, 3)
    strides: Pair = (1, 1)
    pads: tuple[int, int, int, int] = (1, 1, 1, 1)
    dilations: Pair = (1, 1)
    group: int = 1
    program: Program = RELU
    phi: int = 0
    residual: str = ""
    y_rows: bool = False
    kept: int = 0
    x_rows: bool = False
    read: int = 0
    thin: int = 0
    is_transposed: bool = False
    precision: Precision = FLOAT32
    tiling: Tiling = Tiling(64, 32, 32, 4)  # noqa: RUF009


ONE_BY_ONE = Case(kernel=(1, 1), pads=(0, 0, 0, 0), x_rows=True)


WIDE = Case(precision=TF32X3, channels=(20, 72), tiling=Tiling(64, 64, 32, 8))
TF32_ROWS = replace(ONE_BY_ONE, precision=TF32X3, channels=(20, 40), read=8, kept=8)


def spatially(case: Case, x: Doubles, weight: Doubles, bias: Doubles) -> Doubles:
    """Return the convolution without epilogue in float64."""
    image, kernel, shift = (torch.from_numpy(np.ascontiguousarray(v)) for v in (x, weight, bias))
    top, left, bottom, right = case.pads
    if case.is_transposed:
        whole: Doubles = functional.conv_transpose2d(
            image, kernel, shift, case.strides, 0, 0, case.group, case.dilations
        ).numpy()
        return whole[..., top : whole.shape[2] - bottom, left : whole.shape[3] - right]
    padded = functional.pad(image, (left, right, top, bottom))
    made: Doubles = functional.conv2d(
        padded, kernel, shift, case.strides, 0, case.dilations, case.group
    ).numpy()
    return made


def activated(case: Case, pixels: Doubles, block: int) -> Doubles:
    """Apply the per-pixel program, with approximated masks if the program has them."""
    program = case.program
    near = pixels
    if case.phi:
        near = to_spatial(keep_band(to_jpeg(pixels, block), block, case.phi), block)
    if program in (RELU, ASM_RELU):
        return np.where(near > 0, pixels, 0.0)
    if program == of_approximation(RELU):
        return np.maximum(near, 0.0)
    if program in (PRELU, ASM_PRELU):
        return np.where(near > 0, pixels, SLOPE * pixels)
    if program in (CLIP, ASM_CLIP):
        return np.where(near > HIGH, HIGH, np.where(near > LOW, pixels, LOW))
    assert program == NOTHING
    return pixels


def fault_of(case: Case, fault: str = "") -> float:
    """Return the error of a kernel relative to the tolerance.

    `fault` introduces an error: a transposed DCT, another mask, or a window without its halo.
    """
    generator = np.random.default_rng(3)
    inputs, outputs = case.channels
    shape = (outputs, inputs // case.group, *case.kernel)
    if case.is_transposed:
        shape = (inputs, outputs // case.group, *case.kernel)
    weight = generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
    weight = rounded(weight, case.precision)
    bias = generator.standard_normal(outputs)
    x_block = block_size(*case.size)
    x = MapLayout(inputs, *case.size, x_block, case.read or full(x_block), case.x_rows, case.thin)
    read = rounded(
        stored(generator.standard_normal((case.batch, inputs, *case.size)), x), case.precision
    )
    pixels = spatially(case, pixels_of(read, x), weight, bias)
    height, width = pixels.shape[2:]
    block = block_size(height, width)
    kept = case.kept or full(block)
    y = MapLayout(outputs, height, width, block, kept, case.y_rows)
    arrays = {"x": read, "bias": padded_rows(bias)}
    residual = None
    if case.residual:
        frequencies = x.frequencies if case.x_rows else kept
        residual = MapLayout(outputs, height, width, block, frequencies, case.residual == "rows")
        added = rounded(stored(generator.standard_normal(pixels.shape), residual), case.precision)
        pixels = pixels + pixels_of(added, residual)
        arrays["residual"] = added
    conv = Convolution(
        x, y, case.kernel, case.strides, case.pads[:2], case.dilations, case.group, residual,
        case.program, case.phi, case.is_transposed,
    )  # fmt: skip
    arrays |= conv.packed({"weight": weight, "bias": bias}, case.tiling)
    constants = CONSTANTS.get(case.program, ())
    if constants:
        arrays["constants"] = padded_rows(np.tile(np.array(constants)[:, None], outputs))
    matrices = conv.matrices
    if fault == "transposed DCT":
        matrices |= {"forward": replace(matrices["forward"], transform="inverse")}
    if fault == "another mask":
        matrices |= {"approximated": TileMatrix("project", block, case.phi + 2)}
    launch = conv.launch(case.batch, case.precision, case.tiling)
    if fault == "no halo":
        launch = replace(launch, numbers={**launch.numbers, "pad_h": 0})
    made = run_kernel(launch, arrays, matrices, (case.batch, *y.shape))
    return excess(made, activated(case, pixels, block), y, case.precision)


QUICK = (
    Case(batch=2),
    Case(batch=3, channels=(5, 70), size=(7, 7), kernel=(5, 5), pads=(2, 2, 2, 2)),
    Case(channels=(32, 48), size=(14, 14), group=4, strides=(2, 2)),
    Case(channels=(66, 66), size=(6, 6), group=66),
    Case(size=(16, 24), residual="pixels", y_rows=True),
    Case(size=(12, 12), residual="rows", y_rows=True, kept=4, program=PRELU),
    Case(residual="pixels", kept=8, program=CLIP),
    Case(kernel=(3, 2), pads=(2, 0, 1, 3), dilations=(2, 3), size=(13, 16)),
    Case(channels=(3, 24), size=(32, 32), kernel=(7, 7), strides=(2, 2), pads=(3,) * 4, thin=4),
    Case(program=ASM_RELU, phi=6, y_rows=True, kept=9, tiling=Tiling(128, 32, 32, 4)),
    Case(program=ASM_CLIP, phi=3, size=(12, 12)),
    Case(program=ASM_PRELU, phi=10),
    Case(program=of_approximation(RELU), phi=7),
    replace(ONE_BY_ONE, residual="rows", y_rows=True, read=8, kept=8),
    replace(ONE_BY_ONE, residual="pixels", read=8),
    replace(ONE_BY_ONE, residual="rows", y_rows=True, read=8, kept=8, program=NOTHING),
    replace(ONE_BY_ONE, channels=(24, 36), group=3, size=(12, 12), y_rows=True),
    Case(is_transposed=True, kernel=(4, 4), strides=(2, 2), size=(7, 9)),
    Case(precision=FLOAT16, residual="rows", y_rows=True, kept=8),
    # Programs of many channels finish in parts, and transforms of tf32x3 run in sequence.
    Case(precision=FLOAT16, channels=(20, 100), residual="pixels", tiling=Tiling(128, 128, 32, 8)),
    Case(channels=(20, 40), program=ASM_RELU, phi=6, y_rows=True, kept=9, residual="rows"),
    replace(WIDE, residual="rows", program=ASM_RELU, phi=6, y_rows=True, kept=9),
    replace(WIDE, residual="pixels", program=PRELU, y_rows=True),
    replace(WIDE, residual="rows", kept=5, program=ASM_CLIP, phi=7),
    replace(TF32_ROWS, residual="rows", y_rows=True, program=ASM_PRELU, phi=6),
    replace(TF32_ROWS, residual="pixels", y_rows=True),
    replace(TF32_ROWS, program=ASM_RELU, phi=6, tiling=WIDE.tiling),
    replace(TF32_ROWS, program=RELU, tiling=WIDE.tiling),
)


@pytest.mark.sampled
@pytest.mark.parametrize("case", QUICK, ids=name_of)
def test_convolution(case: Case) -> None:
    assert fault_of(case) <= 1


GEOMETRIES = [
    Case(kernel=(k, k), pads=((k - 1) // 2,) * 4, size=(17, 20), strides=(s, s), channels=(9, 17))
    for k, s in product((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), (1, 2, 3))
]
BATCHES = [Case(batch=b, size=(8, 8)) for b in (1, 2, 5, 33)]
CHANNELS = [Case(channels=(c, 131 - c), size=(8, 8)) for c in (1, 2, 15, 16, 17, 64, 65, 127, 130)]
GROUPS = [
    Case(channels=(48, 96), size=(8, 8), group=g, tiling=Tiling(64, n, 16, 4))
    for g, n in product((1, 2, 3, 16, 48), (32, 64))
]


def counts(base: Case) -> list[int]:
    """Numbers of frequencies of a tile: the ends of the range and its middle."""
    every = full(block_size(*base.size))
    return sorted({1, 2, every // 2, every // 2 + 1, every - 1, every})


MASKS = [
    replace(base, program=program, phi=phi, y_rows=rows)
    for base in (Case(size=(8, 8)), Case(size=(4, 12)), Case(size=(6, 6)))
    for program in (ASM_RELU, ASM_PRELU, ASM_CLIP, of_approximation(RELU))
    for phi in counts(base)
    for rows in (False, True)
]
TRUNCATIONS = [
    replace(base, y_rows=rows, kept=kept, residual=residual)
    for base in (Case(size=(8, 8)), Case(size=(4, 12)), Case(size=(6, 6)))
    for kept in counts(base)
    for rows in (False, True)
    for residual in ("pixels", "rows")
]
ROWS = [
    replace(base, read=kept, kept=kept, y_rows=True, residual="rows", batch=2)
    for base in (replace(ONE_BY_ONE, size=size) for size in ((8, 8), (4, 12), (6, 6)))
    for kept in counts(base)
]
THIN = [
    Case(channels=(c, 20), size=(17, 24), kernel=(k, k), pads=(p,) * 4, strides=(s, s), thin=4)
    for c, k, p, s in product((1, 3, 4), (3, 7, 11), (0, 3), (1, 2))
]
TRANSPOSED = [
    Case(is_transposed=True, kernel=(k, k), strides=(s, s), size=(5, 8), group=g, pads=(1, 0, 1, 0))
    for k, s, g in product((2, 3, 4), (1, 2, 3), (1, 4))
]
ALL = [*GEOMETRIES, *BATCHES, *CHANNELS, *GROUPS, *MASKS, *TRUNCATIONS, *ROWS, *THIN, *TRANSPOSED]


@thorough
@pytest.mark.parametrize("case", ALL, ids=name_of)
def test_every_convolution(case: Case) -> None:
    assert fault_of(case) <= 1


@thorough
@pytest.mark.parametrize("case", ALL[::4], ids=name_of)
def test_three_products_for_one(case: Case) -> None:
    assert fault_of(replace(case, precision=TF32X3)) <= 1


@thorough
# Rounding to 11 bits moves pixels across approximated masks.
@pytest.mark.parametrize("case", [case for case in ALL[::5] if not case.phi], ids=name_of)
def test_half_precision(case: Case) -> None:
    # Sums and residuals that are coefficients become pixels first and are rounded once more.
    transforms = 2 if case.x_rows or case.residual == "rows" else 1
    assert fault_of(replace(case, precision=FLOAT16)) <= transforms


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        (Case(y_rows=True), "transposed DCT"),
        (Case(program=ASM_RELU, phi=6), "another mask"),
        pytest.param(
            *(replace(WIDE, program=ASM_RELU, phi=6, y_rows=True), "another mask"), marks=[thorough]
        ),
        (replace(WIDE, program=ASM_RELU, phi=6, y_rows=True), "transposed DCT"),
        (Case(), "no halo"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_planted_fault_is_found(case: Case, fault: str) -> None:
    assert fault_of(case) <= 1
    assert fault_of(case, fault) > 100
