"""Tables on a terminal, as Markdown and as JSON."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from jpegcompile.results.markdown import page_markdown, table_markdown
from jpegcompile.results.table import Cell, Page, Table, columns, number, percentage, text
from jpegcompile.results.terminal import print_page

TABLE = Table(
    "times of a|b",
    columns("node", "ms", right=(1,), units={1: "ms"}),
    (
        (text("conv_1 [0]"), number(1234.5, ",.1f")),
        (text("a|b"), number(None)),
        (text(""), percentage(0.5)),
    ),
    ("a *note*",),
)


def test_markdown() -> None:
    assert table_markdown(TABLE).splitlines() == [
        r"times of a\|b",
        "",
        "| node         |      ms |",
        "| ------------ | ------: |",
        r"| conv\_1 \[0] | 1,234.5 |",
        r"| a\|b         |       - |",
        "|              | 50.00 % |",
        "",
        r"- a \*note\*",
    ]


def test_a_page_of_markdown() -> None:
    page = Page(("first", "second", "", "third")) + Page((TABLE, "last"))
    blocks = page_markdown(page).split("\n\n")
    assert blocks[:3] == ["first  \nsecond", "third", r"times of a\|b"]
    assert blocks[-1] == "last\n"
    assert list(page.tables) == [TABLE]


def test_a_terminal() -> None:
    out = io.StringIO()
    print_page(Console(file=out, width=60, highlight=False), Page((TABLE, "[bold]")))
    assert out.getvalue().splitlines() == [
        "times of a|b",
        "node             ms",
        "conv_1 [0]  1,234.5",
        "a|b               -",
        "            50.00 %",
        "a *note*",
        "[bold]",
    ]


def test_json() -> None:
    page = Page((TABLE, "line"))
    data = page.to_json()
    assert data["parts"][0]["columns"][1] == {"name": "ms", "unit": "ms", "alignment": "right"}
    assert data["parts"][0]["rows"][0][1] == {"value": 1234.5, "text": "1,234.5"}
    assert data["parts"][0]["rows"][1][1] == {"value": None, "text": "-"}
    assert Page.from_json(data) == page


def test_rows_have_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        Table("", columns("a", "b"), ((Cell(1, "1"),),))
