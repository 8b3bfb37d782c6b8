"""Forms of the elementwise kernel in the native library: per-pixel functions of maps.

A function writes its output in the layout of its input: pixels, or a raster of coefficients. It
also reads coefficients in rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from jpegcompile.gpu.functions import function_programs
from jpegcompile.gpu.library.form import PIXELS, POINT, ROWS, TRUNCATED, Form, at_places
from jpegcompile.gpu.programs import (
    ADD,
    AFFINE,
    ASM_PRELU,
    LARGER,
    MULTIPLY,
    PRELU,
    SCALE,
    SCALE_ADD_RELU,
    SMALLER,
    SPREAD,
    SUBTRACT,
    Program,
    of_approximation,
)
from jpegcompile.kernels.arithmetic.launch import Elementwise

_RASTER = {"X_ROWS": False, "OTHER_ROWS": False, "Y_ROWS": False}
_ONE_CHANNEL = 1


def function_forms() -> Iterator[Form]:
    """Iterate over all functions except ReLU and Clip, which can also write maps in rows."""
    for program in (PRELU, ASM_PRELU, of_approximation(PRELU), *function_programs()):
        yield from forms_of(program)
    for program in (SCALE, ADD, SUBTRACT):
        yield from _linear(_with_vector(program), has_vector=True)
    yield from _linear(AFFINE, has_vector=False)
    yield from _scaled_sums()
    for program in (MULTIPLY, LARGER, SMALLER):
        yield from _of_two(program)
    yield Form(Elementwise(POINT, POINT, SPREAD, replace(POINT, channels=_ONE_CHANNEL)), {})


def forms_of(program: Program) -> Iterator[Form]:
    """Iterate over the forms of a function of one map."""
    phi = 1 if program.approximates else 0
    yield Form(Elementwise(PIXELS, PIXELS, program, phi=phi), {})
    for x_rows in (False, True):
        yield Form(Elementwise(ROWS, ROWS, program, phi=phi), {**_RASTER, "X_ROWS": x_rows})


def _with_vector(program: Program) -> Program:
    """Return a program whose last constant is the vector of a launch."""
    return replace(program, constants=program.constants - 1)


def _linear(program: Program, *, has_vector: bool) -> Iterator[Form]:
    """Iterate over forms on coefficients, and one form through pixels if only x is in rows."""
    vector = POINT if has_vector else None
    same = Elementwise(ROWS, ROWS, program, vector=vector, is_linear=True)
    for is_rows in (False, True):
        yield Form(same, {**_RASTER, "X_ROWS": is_rows, "Y_ROWS": is_rows})
    few = replace(TRUNCATED, is_rows=True)
    other = Elementwise(few, ROWS, program, vector=vector, is_linear=True)
    yield Form(other, {**_RASTER, "X_ROWS": True})


def _scaled_sums() -> Iterator[Form]:
    program = _with_vector(SCALE_ADD_RELU)
    yield Form(Elementwise(PIXELS, PIXELS, program, PIXELS, vector=POINT), {})
    whole = Elementwise(ROWS, ROWS, program, ROWS, vector=POINT)
    yield from at_places(whole, X_ROWS=ROWS, OTHER_ROWS=ROWS, Y_ROWS=ROWS)


def _of_two(program: Program) -> Iterator[Form]:
    """Iterate over functions of two maps. The second map of a product can have one channel."""
    for layout in (PIXELS, ROWS):
        others = [layout]
        if program == MULTIPLY:
            others.append(replace(layout, channels=_ONE_CHANNEL))
        for other in others:
            yield Form(Elementwise(layout, layout, program, other), _RASTER)
