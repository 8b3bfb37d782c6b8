"""Operands, attributes and pieces of function bodies that several families use."""

from __future__ import annotations

from jpegcompile.operators.definition import Attribute, Body, Operand

BLOCK = Attribute("block", "int")
IN_AND_OUT = (Attribute("input_block", "int"), Attribute("output_block", "int"))
FREQUENCIES = Attribute("frequencies", "int")
# The precision that a body casts to, as a type of ONNX.
PRECISION = Attribute("to", "int")

# The transform of a map of ones: a constant touches DC coefficients alone.
DC = Operand("dc", "plane", "H W")
# 1 for the frequencies that count, 0 for the others.
BAND = Operand("band", "plane", "H W")
# One number, or one for each channel of each image or of all.
CHANNELS = "N C 1 1"
NUMBER = "1"

# Names of the matrices for rows and for columns: within operators, and of casts.
Pair = tuple[str, str]
INVERSE: Pair = ("inverse_rows", "inverse_columns")
FORWARD: Pair = ("forward_rows", "forward_columns")
AXES: Pair = ("rows", "columns")

# Statements that make `spatial` of the map x.
PIXELS_OF_X = """
        s = MatMul(inverse_rows, x)
        spatial = MatMul(s, inverse_columns)"""


def feature_map(
    name: str = "x",
    shape: str = "N C H W",
    block: str = "block",
    *,
    is_grouped: bool = True,
    is_compact: bool = False,
) -> Operand:
    """A map of features; see `Operand`."""
    return Operand(name, "map", shape, "float", block, is_grouped, is_compact)


def result(
    shape: str = "N C H W",
    block: str = "block",
    *,
    is_grouped: bool = True,
    is_compact: bool = False,
) -> tuple[Operand, ...]:
    """The only output of most operators, a map."""
    return (feature_map("y", shape, block, is_grouped=is_grouped, is_compact=is_compact),)


def matrices(names: Pair, rows: str = "H", columns: str = "W") -> tuple[Operand, ...]:
    """The square matrices for the rows and the columns of a map of that size."""
    sizes = (rows, columns)
    return tuple(Operand(n, "matrix", f"{s} {s}") for n, s in zip(names, sizes, strict=True))


def inverse(rows: str = "H", columns: str = "W") -> tuple[Operand, ...]:
    """The matrices that take a map of that size to pixels."""
    return matrices(INVERSE, rows, columns)


def forward(rows: str = "H", columns: str = "W") -> tuple[Operand, ...]:
    """The matrices that take a map of that size to coefficients."""
    return matrices(FORWARD, rows, columns)


# Of an operator whose result has the size of its map.
TRANSFORMS = (*inverse(), *forward())
# Of an operator whose result has another size.
TRANSFORMS_BETWEEN = (*inverse(), *forward("P", "Q"))


def between(operator: str, pixels: str = PIXELS_OF_X) -> str:
    """The body of a spatial operator between an inverse and a forward transform.

    Args:
        operator: an expression of `spatial`, or statements that end in `result = ...`.
        pixels: statements that make `spatial`.
    """
    statements = operator if "result = " in operator else f"result = {operator}"
    return f"""{pixels}
        {statements}
        t = MatMul(forward_rows, result)
        y = MatMul(t, forward_columns)"""


def always(statements: str) -> tuple[Body, ...]:
    """A body for every opset."""
    return (Body(statements),)
