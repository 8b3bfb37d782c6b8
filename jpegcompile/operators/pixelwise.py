"""Functions of each pixel: those with names, and programs that a model brings.

    y = DCT(f(inverse DCT(x)))

A kernel knows operators by their names, and a function body belongs to a name. So programs share a
few names, JpegPointwise_1 and so on, of which a model gives each one body; the kernel of all of
them reads the steps from the attribute `program` (`kernels/pixelwise/program.h`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jpegcompile.operators.constants import MOST_PROGRAMS
from jpegcompile.operators.definition import Attribute, AttributeType, Body, Operand, Operator
from jpegcompile.operators.fragments import (
    BLOCK,
    TRANSFORMS,
    always,
    between,
    feature_map,
    result,
)

# Nonlinear functions of one pixel, with the attributes that they have and their defaults (ONNX),
# and their kernels. Log, Sqrt and Reciprocal are not here: where they are infinite or undefined at
# one pixel, as at the zeros of a ReLU, a transform would spread that over the tile. Nor are
# functions with steps.
FUNCTIONS: Mapping[str, Mapping[str, float | str]] = {
    "Abs": {},
    "Atan": {},
    "Celu": {"alpha": 1.0},
    "Cos": {},
    "Elu": {"alpha": 1.0},
    "Erf": {},
    "Exp": {},
    "Gelu": {"approximate": "none"},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "HardSwish": {},
    "Mish": {},
    "Selu": {"alpha": 1.6732631921768188, "gamma": 1.0507010221481323},
    "Sigmoid": {},
    "Sin": {},
    "Softplus": {},
    "Softsign": {},
    "Tanh": {},
}
# Functions of one pixel that exporters spell by several nodes, and that have names of their own.
KNOWN_PROGRAMS: Mapping[str, str] = {
    "v0 = Sigmoid (spatial)\n        result = Mul (spatial, v0)": "JpegSilu",
    "v0 = Softplus (spatial)\n        v1 = Tanh (v0)\n        result = Mul (spatial, v1)": (
        "JpegMish"
    ),
}
PROGRAM = "program"


def _kernel(function: str) -> str:
    """HardSigmoid is made by make_hard_sigmoid."""
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in function)
    return words.removeprefix("_")


def _function(name: str, body: str, attributes: Mapping[str, float | str]) -> Operator:
    function = name.removeprefix("Jpeg")
    return Operator(
        name,
        f"{function} of each pixel",
        (feature_map(is_compact=True), *TRANSFORMS),
        result(),
        (*(Attribute(n, _TYPES[type(value)]) for n, value in attributes.items()), BLOCK),
        always(between(body)),
        reference="pixelwise.reference:jpeg_pixelwise",
        kernel=_kernel(function),
    )


_TYPES: Mapping[type, AttributeType] = {float: "float", str: "string"}


def _standard(function: str, attributes: Mapping[str, float | str]) -> Operator:
    given = ", ".join(f"{n}: {_TYPES[type(v)]} = @{n}" for n, v in attributes.items())
    written = f"<{given}> " if given else ""
    return _function(f"Jpeg{function}", f"{function} {written}(spatial)", attributes)


def _programmed(number: int) -> Operator:
    return Operator(
        f"JpegPointwise_{number}",
        "a function of each pixel that the model spells by several nodes",
        (feature_map(is_compact=True), Operand("constants", "weights", "? ? 1 1"), *TRANSFORMS),
        result(),
        (Attribute(PROGRAM, "string"), BLOCK),
        reference="pixelwise.reference:jpeg_program",
        kernel="program",
    )


def with_program(operator: Operator, statements: str) -> Operator:
    """One of the operators of programs, with the body that a model gives it.

    Args:
        operator: JpegPointwise_1 or another one of its kind.
        statements: over `spatial` and `constants`, ending in `result = `.
    """
    return replace(operator, bodies=(Body(between(statements)),))


def own_function(name: str, statements: str, constants: tuple[str, ...]) -> Operator:
    """An operator that one model alone has; no runtime has a kernel for it.

    Args:
        name: of the operator.
        statements: over `spatial` and the constants, ending in `result = `.
        constants: that the operator reads besides the map, of any shape.
    """
    return Operator(
        name,
        "a function of each pixel that this model alone has",
        (
            feature_map(is_grouped=False),
            *(Operand(constant, "weights", "*") for constant in constants),
            *TRANSFORMS,
        ),
        result(is_grouped=False),
        (BLOCK,),
        always(between(statements)),
    )


PROGRAMMED: tuple[Operator, ...] = tuple(map(_programmed, range(1, MOST_PROGRAMS + 1)))
_STANDARD = {f"Jpeg{f}": _standard(f, attributes) for f, attributes in FUNCTIONS.items()}
_SPELLED = {name: _function(name, program, {}) for program, name in KNOWN_PROGRAMS.items()}
# What exporters spell by several nodes works at every opset, so its body is taken.
PIXELWISE: tuple[Operator, ...] = (*{**_STANDARD, **_SPELLED}.values(), *PROGRAMMED)
