"""Times and sizes as the tables of `bench` show them."""

from __future__ import annotations

from jpegcompile.results.table import MISSING, Cell, number


def milliseconds(seconds: float) -> Cell:
    """Return a time with three significant digits, or all digits before the point."""
    value = 1e3 * seconds
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return Cell(seconds, f"{value:.{digits}f} ms")


def megabytes(size: int | None) -> Cell:
    """Return a size in whole MB; a dash where the system does not report it."""
    return Cell(size, MISSING if size is None else f"{size / 1e6:.0f} MB")


def ratio(value: float | None) -> Cell:
    """Return a ratio with two digits after the point; a dash where there is none."""
    return number(value, ".2f")


def whole(value: int | None) -> Cell:
    """Return a number that the rows of a group show once; nothing in the other rows."""
    return Cell(None, "") if value is None else number(value)
