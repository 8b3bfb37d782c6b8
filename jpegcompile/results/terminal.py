"""Print tables on a terminal with rich."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from jpegcompile.results.table import Page, Table


def print_page(out: Console, page: Page) -> None:
    """Print a page: tables without lines, and texts unchanged."""
    for part in page.parts:
        if isinstance(part, Table):
            print_table(out, part)
        else:
            out.print(part, markup=False, soft_wrap=True)


def print_table(out: Console, table: Table) -> None:
    """Print a table with its title and notes."""
    if table.title:
        out.print(table.title, markup=False, soft_wrap=True)
    drawn = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        if column.alignment == "right":
            drawn.add_column(Text(column.name), justify="right", no_wrap=True)
        else:
            drawn.add_column(Text(column.name), overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(cell.text) for cell in row))
    out.print(drawn)
    for note in table.notes:
        out.print(note, markup=False, soft_wrap=True)
