"""What tests ask of the definitions of operators."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jpegcompile.operators.convolution import CONVOLUTIONS
from jpegcompile.operators.definition import Body, Operator
from jpegcompile.operators.pixelwise import PROGRAMMED
from jpegcompile.operators.queries import compact_operands, grouped_operands, is_piecewise_linear
from jpegcompile.operators.registry import OPERATORS

# Operators that standard ones can express.
WITH_BODIES = tuple(name for name, operator in OPERATORS.items() if operator.bodies)
# Attributes that tell of a layout, by operator.
GROUPED = {name: tuple(found) for name, o in OPERATORS.items() if (found := grouped_operands(o))}
COMPACT = {name: tuple(found) for name, o in OPERATORS.items() if (found := compact_operands(o))}
FIRST = tuple(name for name, operator in OPERATORS.items() if operator.ingest)
PIECEWISE_LINEAR = {name for name, o in OPERATORS.items() if is_piecewise_linear(o)}
# What gives each channel a factor or a shift.
BY_CHANNEL = {name for name, o in OPERATORS.items() if o.keeps_band and not o.base}
PROGRAMS = tuple(operator.name for operator in PROGRAMMED)


def convolutions(*bases: str) -> list[Operator]:
    """Every operator of these convolutions, by themselves and with what follows them."""
    return [operator for operator in CONVOLUTIONS if operator.base in bases]


def has_older_body(name: str, since: int) -> bool:
    """Whether an operator has a body for models below an opset."""
    return any(body.below == since for body in OPERATORS[name].bodies)


def set_body(patch: pytest.MonkeyPatch, name: str, opset: int, statements: str) -> None:
    """Give an operator another body where `opset` asks for one."""
    operator = OPERATORS[name]
    right = operator.body(opset)
    bodies = tuple(Body(statements, b.below) if b is right else b for b in operator.bodies)
    patch.setitem(OPERATORS, name, replace(operator, bodies=bodies))
