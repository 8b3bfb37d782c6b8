"""Per-pixel functions: named functions, and programs that a model defines.

    y = DCT(f(inverse DCT(x)))

Kernels are registered by operator name, and each operator name has one function body. So programs
use a fixed set of names, JpegPointwise_1 and so on, and a model defines one body for each name that
it uses. Their common kernel reads the steps from the attribute `program`
(`kernels/pixelwise/program.h`).
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
    pixels,
    result,
)

# Nonlinear per-pixel functions with the attributes and defaults of their ONNX operators. Log, Sqrt
# and Reciprocal are excluded: if they are infinite or undefined at one pixel, as at the zeros of a
# ReLU, a transform would spread this to the whole tile. Discontinuous functions are excluded too.
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
# Named per-pixel functions that exporters write as several nodes.
KNOWN_PROGRAMS: Mapping[str, str] = {
    "v0 = Sigmoid (spatial)\n        result = Mul (spatial, v0)": "JpegSilu",
    "v0 = Softplus (spatial)\n        v1 = Tanh (v0)\n        result = Mul (spatial, v1)": (
        "JpegMish"
    ),
}
PROGRAM = "program"


def _kernel(function: str) -> str:
    """Return the kernel of a function: HardSigmoid is created by make_hard_sigmoid."""
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
        spatial=pixels(body),
    )


_TYPES: Mapping[type, AttributeType] = {float: "float", str: "string"}


def _standard(function: str, attributes: Mapping[str, float | str]) -> Operator:
    given = ", ".join(f"{n}: {_TYPES[type(v)]} = @{n}" for n, v in attributes.items())
    written = f"<{given}> " if given else ""
    return _function(f"Jpeg{function}", f"{function} {written}(spatial)", attributes)


def _programmed(number: int) -> Operator:
    return Operator(
        f"JpegPointwise_{number}",
        "a per-pixel function that the model defines",
        (feature_map(is_compact=True), Operand("constants", "weights", "? ? 1 1"), *TRANSFORMS),
        result(),
        (Attribute(PROGRAM, "string"), BLOCK),
        reference="pixelwise.reference:jpeg_program",
        kernel="program",
        raising="program",
    )


def with_program(operator: Operator, statements: str) -> Operator:
    """Return a program operator with the body that a model defines.

    Args:
        operator: JpegPointwise_1 or another program operator.
        statements: statements of `spatial` and `constants` that end in `result = `.
    """
    return replace(operator, bodies=(Body(between(statements)),))


def own_function(name: str, statements: str, constants: tuple[str, ...]) -> Operator:
    """Return an operator of one model only, without a native kernel.

    Args:
        name: name of the operator.
        statements: statements of `spatial` and the constants that end in `result = `.
        constants: names of the constants that the operator reads, of any shape.
    """
    return Operator(
        name,
        "a per-pixel function of this model only",
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
# Named functions written as several nodes have bodies for every opset, so these have priority.
PIXELWISE: tuple[Operator, ...] = (*{**_STANDARD, **_SPELLED}.values(), *PROGRAMMED)
