"""Operands, attributes and parts of function bodies that several families share."""

from __future__ import annotations

from jpegcompile.operators.definition import Attribute, Body, Operand

BLOCK = Attribute("block", "int")
IN_AND_OUT = (Attribute("input_block", "int"), Attribute("output_block", "int"))
FREQUENCIES = Attribute("frequencies", "int")
# The precision that a body casts to, as an ONNX element type.
PRECISION = Attribute("to", "int")

# The transform of a map of ones. Adding a constant only changes DC coefficients.
DC = Operand("dc", "plane", "H W")
# 1 for frequencies in the band, 0 for other frequencies.
BAND = Operand("band", "plane", "H W")
# One number, or one number for each channel of one or all images.
CHANNELS = "N C 1 1"
NUMBER = "1"

# Names of the matrices for rows and columns, within operators and in casts.
Pair = tuple[str, str]
INVERSE: Pair = ("inverse_rows", "inverse_columns")
FORWARD: Pair = ("forward_rows", "forward_columns")
AXES: Pair = ("rows", "columns")

# Statements that compute `spatial`, the pixels of the map x.
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
    """Return a feature map operand; see `Operand`."""
    return Operand(name, "map", shape, "float", block, is_grouped, is_compact)


def result(
    shape: str = "N C H W",
    block: str = "block",
    *,
    is_grouped: bool = True,
    is_compact: bool = False,
) -> tuple[Operand, ...]:
    """Return the outputs of most operators: one feature map."""
    return (feature_map("y", shape, block, is_grouped=is_grouped, is_compact=is_compact),)


def matrices(names: Pair, rows: str = "H", columns: str = "W") -> tuple[Operand, ...]:
    """Return square matrices for the rows and columns of a map."""
    sizes = (rows, columns)
    return tuple(Operand(n, "matrix", f"{s} {s}") for n, s in zip(names, sizes, strict=True))


def inverse(rows: str = "H", columns: str = "W") -> tuple[Operand, ...]:
    """Return the matrices that transform a map to pixels."""
    return matrices(INVERSE, rows, columns)


def forward(rows: str = "H", columns: str = "W") -> tuple[Operand, ...]:
    """Return the matrices that transform pixels to coefficients."""
    return matrices(FORWARD, rows, columns)


# Transforms of an operator whose output has the size of its input.
TRANSFORMS = (*inverse(), *forward())
# Transforms of an operator whose output has another size.
TRANSFORMS_BETWEEN = (*inverse(), *forward("P", "Q"))


def between(operator: str, pixels: str = PIXELS_OF_X) -> str:
    """Return the body of a spatial operator between an inverse and a forward transform.

    Args:
        operator: an expression of `spatial`, or statements that end in `result = ...`.
        pixels: statements that compute `spatial`.
    """
    statements = operator if "result = " in operator else f"result = {operator}"
    return f"""{pixels}
        {statements}
        t = MatMul(forward_rows, result)
        y = MatMul(t, forward_columns)"""


def pixels(operator: str) -> tuple[Body, ...]:
    """Return the spatial form of an operator for every opset; `operator` is as in `between`."""
    return (Body(on_pixels(operator)),)


def on_pixels(operator: str) -> str:
    """Return the statements of a spatial operator without transforms, as in `between`."""
    statements = operator if "result = " in operator else f"result = {operator}"
    return f"""
        spatial = Identity(x)
        {statements}
        y = Identity(result)"""


def always(statements: str) -> tuple[Body, ...]:
    """Return a body for every opset."""
    return (Body(statements),)
