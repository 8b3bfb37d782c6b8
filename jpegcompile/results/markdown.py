"""Tables as Markdown, with aligned pipes."""

from __future__ import annotations

from jpegcompile.results.table import Column, Page, Table


def page_markdown(page: Page) -> str:
    """Return a page as Markdown: tables, and a paragraph for each run of lines."""
    blocks: list[str] = []
    lines: list[str] = []
    for part in (*page.parts, None):
        if isinstance(part, str) and part:
            # Two spaces end a line without ending the paragraph.
            lines.append(_escaped(part.strip()))
            continue
        if lines:
            blocks.append("  \n".join(lines))
            lines = []
        if isinstance(part, Table):
            blocks.append(table_markdown(part))
    return "\n\n".join(blocks) + "\n"


def table_markdown(table: Table) -> str:
    """Return a table as Markdown, with its title in a line above and its notes in a list below."""
    rows = [[_cell(column.name) for column in table.columns]]
    rows += [[_cell(cell.text) for cell in row] for row in table.rows]
    # A separator has at least three characters.
    widths = [max(3, *(len(row[index]) for row in rows)) for index in range(len(table.columns))]
    pairs = list(zip(table.columns, widths, strict=True))
    separator = [_separator(column, width) for column, width in pairs]
    lines = [_line(_padded(row, pairs)) for row in rows]
    lines.insert(1, _line(separator))
    if table.title:
        lines[:0] = [_escaped(table.title), ""]
    if table.notes:
        lines += ["", *(f"- {_escaped(note)}" for note in table.notes)]
    return "\n".join(lines)


def _padded(row: list[str], columns: list[tuple[Column, int]]) -> list[str]:
    return [
        cell.rjust(width) if column.alignment == "right" else cell.ljust(width)
        for cell, (column, width) in zip(row, columns, strict=True)
    ]


def _separator(column: Column, width: int) -> str:
    return "-" * (width - 1) + ":" if column.alignment == "right" else "-" * width


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return a text as one line without pipes, so that it stays in its cell."""
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    """Return a text whose Markdown characters are escaped."""
    for mark in ("\\", "|", "<", "`", "*", "_", "["):
        text = text.replace(mark, f"\\{mark}")
    return text
