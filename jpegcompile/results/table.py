"""Tables of results: columns with units, rows of typed cells, and notes.

A verb builds a `Page` from its record. The page is printed on a terminal (`terminal.py`), as
Markdown (`markdown.py`), or as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from jpegcompile.results.record import Record

Value = str | int | float | bool | None
Alignment = Literal["left", "right"]

# Text of a missing number.
MISSING = "-"


@dataclass(frozen=True)
class Cell(Record):
    """One value of a table.

    Attributes:
        value: the value; None if it is missing.
        text: printed text of the value.
    """

    value: Value
    text: str


@dataclass(frozen=True)
class Column(Record):
    """One column of a table.

    Attributes:
        name: the header; may be empty.
        unit: unit of the values, such as "s" or "%". The printed texts contain it if needed.
        alignment: "right" for numbers.
    """

    name: str
    unit: str = ""
    alignment: Alignment = "left"


@dataclass(frozen=True)
class Table(Record):
    """A table.

    Attributes:
        title: title of the table, printed as a line above it if not empty.
        columns: columns of the table.
        rows: cells, one for each column.
        notes: lines printed below the table.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the number of cells.

        Raises:
            ValueError: if a row has another number of cells than there are columns.
        """
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells for {len(self.columns)} columns")


@dataclass(frozen=True)
class Page(Record):
    """Tables and lines of text in the order of printing.

    Attributes:
        parts: tables, and texts of one line.
    """

    parts: tuple[Table | str, ...] = field(default_factory=tuple)

    def __add__(self, other: Page) -> Page:
        """Return a page with the parts of both."""
        return Page((*self.parts, *other.parts))

    @property
    def tables(self) -> Iterator[Table]:
        """The tables of the page."""
        return (part for part in self.parts if isinstance(part, Table))


def text(value: str) -> Cell:
    """Return a cell with a text."""
    return Cell(value, value)


def number(value: int | float | None, style: str = "", *, suffix: str = "") -> Cell:
    """Return a cell with a number.

    Args:
        value: the number; None prints a dash.
        style: format of the number, such as ".2e" or ",".
        suffix: text after the number.
    """
    return Cell(value, MISSING if value is None else f"{value:{style}}{suffix}")


def percentage(fraction: float | None, digits: int = 2) -> Cell:
    """Return a cell with a fraction, printed in percent."""
    if fraction is None:
        return Cell(None, MISSING)
    return Cell(fraction, f"{100 * fraction:.{digits}f} %")


def columns(
    *names: str, right: tuple[int, ...] = (), units: Mapping[int, str] | None = None
) -> tuple[Column, ...]:
    """Return columns.

    Args:
        names: headers of the columns.
        right: indices of the columns that are aligned to the right.
        units: units of columns by their index.
    """
    given = units or {}
    return tuple(
        Column(name, given.get(index, ""), "right" if index in right else "left")
        for index, name in enumerate(names)
    )
