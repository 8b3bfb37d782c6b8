"""Functions of one or two maps with the elementwise GPU kernel, compared with NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from support.gpu_checks import excess, name_of
from support.gpu_maps import Doubles, pixels_of, rounded, run_kernel, stored
from support.tiers import thorough

from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.frequencies import full
from jpegcompile.gpu.layout import MapLayout, padded_rows
from jpegcompile.gpu.programs import (
    APPROXIMATION,
    CONSTANTS,
    NOTHING,
    OTHER,
    PIXEL,
    Program,
    guarded,
    parse,
    step,
)
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.pixelwise.reference import FUNCTIONS, jpeg_program
from jpegcompile.precision import FLOAT16, FLOAT32, Precision

SUM = Program((step("Add", PIXEL, OTHER),))
PRODUCT = Program((step("Mul", PIXEL, OTHER),))
# scale * x + shift, with the shift times the map of ones.
AFFINE = Program(
    (
        step("Mul", PIXEL, CONSTANTS),
        step("Mul", APPROXIMATION, CONSTANTS + 1),
        step("Add", CONSTANTS + 2, CONSTANTS + 3),
    ),
    2,
)
# Squeeze-and-excitation: relu(vector * x + other).
EXCITED = Program(
    (
        step("Mul", PIXEL, CONSTANTS),
        step("Add", CONSTANTS + 1, OTHER),
        step("Relu", CONSTANTS + 2),
    )
)


@dataclass(frozen=True)
class Case:
    """A function of a map of size `size`; 0 frequencies means all."""

    program: Program
    size: tuple[int, int] = (8, 16)
    channels: int = 20
    batch: int = 2
    x_rows: bool = False
    y_rows: bool = False
    other: str = ""
    kept: int = 0
    is_linear: bool = False
    has_vector: bool = False
    precision: Precision = FLOAT32


def meant(case: Case, x: Doubles, other: Doubles, vector: Doubles, table: Doubles) -> Doubles:
    """Compute the programs of these tests with NumPy."""
    functions: dict[Program, Callable[[], Doubles]] = {
        NOTHING: lambda: x,
        SUM: lambda: x + other,
        PRODUCT: lambda: x * other,
        AFFINE: lambda: table[0][:, None, None] * x + table[1][:, None, None],
        EXCITED: lambda: np.maximum(vector * x + other, 0.0),
    }
    return functions[case.program]()


def fault_of(case: Case, *, wrong_constant: float = 0.0) -> float:
    """Return the error of a kernel relative to the tolerance."""
    generator = np.random.default_rng(5)
    block = block_size(*case.size)
    kept = case.kept or full(block)
    shape = case.batch, case.channels, *case.size
    layouts = [
        MapLayout(case.channels, *case.size, block, kept, is_rows)
        for is_rows in (case.x_rows, case.y_rows, case.other == "rows")
    ]
    x_layout, y_layout, other_layout = layouts
    arrays = {"x": rounded(stored(generator.standard_normal(shape), x_layout), case.precision)}
    x = pixels_of(arrays["x"], x_layout)
    other, other_used, shared = x, None, False
    if case.other:
        count = case.channels
        if case.other == "one channel":
            other_layout, count = replace(other_layout, channels=1), 1
        shared = case.other == "one image"
        images = 1 if shared else case.batch
        values = generator.standard_normal((images, count, *case.size))
        arrays["other"] = rounded(stored(values, other_layout), case.precision)
        other, other_used = pixels_of(arrays["other"], other_layout), other_layout
    vector = rounded(generator.standard_normal((case.batch, case.channels, 1, 1)), case.precision)
    vector_layout = MapLayout.whole(case.channels, 1, 1) if case.has_vector else None
    if vector_layout is not None:
        arrays["vector"] = stored(vector, vector_layout)
    table = generator.standard_normal((case.program.constants, case.channels))
    if case.program.constants:
        arrays["constants"] = padded_rows(table + wrong_constant)
    kernel = Elementwise(
        x_layout, y_layout, case.program, other_used, shared, vector_layout,
        is_linear=case.is_linear,
    )  # fmt: skip
    launch = kernel.launch(case.batch, case.precision, kernel.default_tiling(case.precision))
    made = run_kernel(launch, arrays, kernel.matrices, (case.batch, *y_layout.shape))
    return excess(made, meant(case, x, other, vector, table), y_layout, case.precision)


QUICK = (
    Case(NOTHING, x_rows=True),
    Case(NOTHING, y_rows=True, kept=6),
    Case(SUM, other="pixels", x_rows=True, is_linear=True),
    Case(SUM, other="rows", x_rows=True, y_rows=True, is_linear=True, kept=9),
    Case(PRODUCT, other="one channel", y_rows=True),
    Case(PRODUCT, other="one image"),
    Case(AFFINE, x_rows=True, y_rows=True, is_linear=True, size=(4, 12)),
    Case(AFFINE, x_rows=True, is_linear=True),
    Case(EXCITED, other="rows", has_vector=True, x_rows=True),
    Case(EXCITED, other="pixels", has_vector=True, size=(7, 7), batch=3),
    Case(PRODUCT, other="pixels", precision=FLOAT16),
)


@pytest.mark.parametrize("case", QUICK, ids=name_of)
def test_elementwise(case: Case) -> None:
    assert fault_of(case) <= 1


@thorough
@pytest.mark.parametrize("x_rows", [False, True])
@pytest.mark.parametrize("y_rows", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (4, 12), (6, 6), (5, 3)], ids=str)
@pytest.mark.parametrize("channels", [1, 16, 130])
def test_sums_of_every_layout(
    x_rows: bool, y_rows: bool, size: tuple[int, int], channels: int
) -> None:
    for other in ("pixels", "rows"):
        for kept in range(1, full(block_size(*size)) + 1):
            case = Case(SUM, size, channels, 1, x_rows, y_rows, other, kept, is_linear=True)
            assert fault_of(case) <= 1, case


def test_a_wrong_constant_is_found() -> None:
    assert fault_of(Case(AFFINE), wrong_constant=1e-3) > 10


# One line for each step of programs, in the text of compiled files.
STEPS = (
    *("Add x c0", "Sub x c0", "Mul x c0", "Div x c0", "Max x c0", "Min x c0", "Neg x"),
    *("Equal x c0", "Greater x c0", "GreaterOrEqual x c0", "Less x c0", "LessOrEqual x c0"),
    *("Relu x", "PRelu x c0", "Abs x", "Atan x", "Celu x 0.7", "Cos x", "Elu x 1.3", "Erf x"),
    *("Exp x", "Gelu x", "GeluTanh x", "HardSigmoid x 0.3 0.4", "HardSwish x", "Mish x"),
    *("Selu x 1.6 1.05", "Sigmoid x", "Silu x", "Sin x", "Softplus x", "Softsign x", "Tanh x"),
    "Greater x c0\nNot v0\nWhere v1 x c0",
    "Greater x c0\nLess x c0\nOr v0 v1\nAnd v0 v2",
)


@pytest.mark.parametrize("text", STEPS, ids=lambda text: text.split("\n")[0])
def test_every_step_of_programs(text: str) -> None:
    values = np.linspace(-6, 6, 16 * 64).reshape(1, 16, 8, 8)
    table = np.linspace(-1.5, 1.4, 16)[None]
    values[0, :, 0, 0] = table[0]
    layout = MapLayout.whole(16, 8, 8, 8)
    program = parse(text, 1)
    kernel = Elementwise(layout, layout, program)
    arrays = {"x": stored(values, layout), "constants": table}
    launch = kernel.launch(1, FLOAT32, kernel.default_tiling(FLOAT32))
    made = run_kernel(launch, arrays, {}, (1, *layout.shape))
    single = arrays["x"].astype(np.float32).astype(np.float64).transpose(0, 3, 1, 2)
    constants = table.astype(np.float32).astype(np.float64).reshape(1, 16, 1, 1)
    meant = jpeg_program(np.ascontiguousarray(single), text, constants, block=1)
    assert excess(made, meant, layout, FLOAT32) <= 1


@pytest.mark.parametrize("name", ["Sin", "Cos"])
def test_large_angles(name: str) -> None:
    """Arguments of sine and cosine are reduced in double precision."""
    layout = MapLayout.whole(16, 8, 8, 8)
    values = np.geomspace(1e-3, 1e7, 16 * 64).reshape(1, 16, 8, 8) * np.resize([1, -1], 64).reshape(
        8, 8
    )
    kernel = Elementwise(layout, layout, parse(f"{name} x", 0))
    arrays = {"x": stored(values, layout)}
    launch = kernel.launch(1, FLOAT32, kernel.default_tiling(FLOAT32))
    made = run_kernel(launch, arrays, {}, (1, *layout.shape))
    angles = arrays["x"].astype(np.float32).astype(np.float64)
    # Five roundings to float32, and the series.
    np.testing.assert_allclose(made, getattr(np, name.lower())(angles), atol=5 * 2**-24)


def test_no_function_is_missing() -> None:
    tested = {line.split()[0] for text in STEPS for line in text.split("\n")}
    assert {name.removeprefix("Jpeg") for name in FUNCTIONS} <= tested


def test_padded_channels_stay_finite() -> None:
    layout = MapLayout.whole(5, 8, 8, 8)
    kernel = Elementwise(layout, layout, guarded(parse("Div c0 x", 1)))
    values = np.linspace(1, 2, 5 * 64).reshape(1, 5, 8, 8)
    arrays = {"x": stored(values, layout), "constants": padded_rows(np.ones((2, 5)))}
    launch = kernel.launch(1, FLOAT32, kernel.default_tiling(FLOAT32))
    made = run_kernel(launch, arrays, {}, (1, *layout.shape))
    assert excess(made, 1 / values, layout, FLOAT32) <= 1
