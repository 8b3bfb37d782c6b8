"""Operands and pieces of function bodies that several families use."""

from __future__ import annotations

from jpegcompile.operators.definition import PIXELS, Attribute, Operand

# From coefficients to pixels, and back.
INVERSE = (
    Operand("inverse_rows", "matrix", "H H"),
    Operand("inverse_columns", "matrix", "W W"),
)


def forward(rows: str = "H", columns: str = "W") -> tuple[Operand, ...]:
    """The matrices that take a map of that size to coefficients."""
    return (
        Operand("forward_rows", "matrix", f"{rows} {rows}"),
        Operand("forward_columns", "matrix", f"{columns} {columns}"),
    )


def feature_map(
    name: str,
    shape: str = "N C H W",
    block: str = "block",
    *,
    is_grouped: bool = True,
    is_compact: bool = False,
) -> Operand:
    """A map of features; see `Operand`."""
    return Operand(name, "map", shape, "float", block, is_grouped, is_compact)


BLOCK = Attribute("block", "int")
IN_AND_OUT = (Attribute("input_block", "int"), Attribute("output_block", "int"))
WINDOW = tuple(Attribute(name, "ints") for name in ("strides", "pads", "dilations"))

__all__ = ["BLOCK", "INVERSE", "IN_AND_OUT", "PIXELS", "WINDOW", "feature_map", "forward"]
