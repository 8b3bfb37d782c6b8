"""Operators that compute one function of each pixel: their names, and bodies that models give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Nonlinear functions of one pixel, with the attributes that they have and their defaults (ONNX).
# Log, Sqrt and Reciprocal are not here: where they are infinite or undefined at one pixel, as at
# the zeros of a ReLU, a transform would spread that over the tile. Nor are functions with steps.
FUNCTIONS: Mapping[str, Mapping[str, Any]] = {
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
# As many as the library has; regions beyond them run by bodies alone.
PROGRAMMED = tuple(f"JpegPointwise_{number}" for number in range(1, 33))


@dataclass(frozen=True)
class OwnBody:
    """The body of an operator that a model alone has.

    Attributes:
        statements: over `spatial` and the operands, ending in `result = `.
        operands: what it reads besides the map and transforms.
        attributes: that it has besides the block size.
    """

    statements: str
    operands: tuple[str, ...]
    attributes: tuple[str, ...] = ()
