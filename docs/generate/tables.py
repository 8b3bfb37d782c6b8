"""Fill the marked tables and values of a Markdown page from `docs/results/*.json`.

A marked table begins with a comment that names a file, and its columns:

    <!-- table: results/truncated_network.json
    @where threads=1
    @join results/accuracy.json by network
    @source
    network: {network} | time: {time:.2f}
    -->
    ...
    <!-- end -->

A column is a heading and a format string for a row of the file; a cell is "-" where a row lacks
a value. Instructions begin with @:

- `@where` keeps the rows with these values.
- `@pivot quality by format` merges the rows of a format into one, whose column `bytes@90` is the
  column `bytes` of quality 90.
- `@join` adds the columns of another file's row that has the same value in the given column.
- `@source` adds a line below the table that says how and where the rows were measured.

A value within a line of prose is written

    <!-- value: results/memory.json {jpeg:.2f} @where network=ResNet-18 -->1.16<!-- end -->

A file is the record that a benchmark writes by `--json`: a JSON object with "benchmark", "machine",
"versions" and "rows", and optionally "date" and "settings". "command" and "note" may be added.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

DOCS = Path(__file__).resolve().parents[1]
MISSING = "-"
Row: TypeAlias = Mapping[str, Any]

_TABLE = re.compile(r"(<!-- table: (.*?)-->\n).*?(<!-- end -->)", re.DOTALL)
_VALUE = re.compile(r"(<!-- value: (\S+) (.*?)(?: @where (.*?))? -->).*?(<!-- end -->)")
_BEGIN = re.compile(r"<!-- (table|value):")


class TableError(Exception):
    """A marker names something that is not there."""


@dataclass
class Spec:
    """A parsed marker of a table.

    Attributes:
        columns: heading and format string of each column.
        where: values that the rows must have, as text.
        pivot: column whose values name new columns, and the columns that stay.
        joins: other files, each with the column by which it is joined.
        shows_source: whether a line below the table says how it was measured.
    """

    file: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    where: dict[str, str] = field(default_factory=dict)
    pivot: tuple[str, list[str]] | None = None
    joins: list[tuple[str, str]] = field(default_factory=list)
    shows_source: bool = False


def filled(text: str, page: Path) -> str:
    """Return the text of a page with all marked tables and values made again.

    Raises:
        TableError: a marker has no end, or names a file, column or row that does not exist.
    """
    count = 0

    def table(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"{match[1]}\n{_rendered(parsed(match[2]))}\n{match[3]}"

    def value(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        rows = _kept(_results(match[2])["rows"], _pairs(match[4] or ""))
        if len(rows) != 1:
            raise TableError(f"{match[1]} matches {len(rows)} rows")
        return f"{match[1]}{_cell(match[3], rows[0])}{match[5]}"

    try:
        made = _VALUE.sub(value, _TABLE.sub(table, text))
    except TableError as error:
        raise TableError(f"{page.name}: {error}") from error
    if count != len(_BEGIN.findall(text)):
        raise TableError(f"{page.name}: a marker has no end, or is malformed")
    return made


def parsed(marker: str) -> Spec:
    """Parse the inside of a table's marker."""
    file, *lines = marker.strip().splitlines()
    spec = Spec(file.strip())
    parts = (part.strip() for line in lines for part in line.split("|"))
    for line in filter(None, parts):
        if line == "@source":
            spec.shows_source = True
        elif line.startswith("@where "):
            spec.where |= _pairs(line.removeprefix("@where "))
        elif line.startswith("@pivot "):
            name, _, kept = line.removeprefix("@pivot ").partition(" by ")
            spec.pivot = name, kept.split(", ")
        elif line.startswith("@join "):
            other, _, column = line.removeprefix("@join ").partition(" by ")
            spec.joins.append((other, column))
        elif re.match(r".*: .*\{|: ", line):
            heading, _, template = line.partition(": ")
            spec.columns.append((heading.strip(), template))
        else:
            raise TableError(f"{line!r} is neither a column nor an instruction")
    return spec


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, without a final line break."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _rendered(spec: Spec) -> str:
    results = _results(spec.file)
    rows = _kept(results["rows"], spec.where)
    if spec.pivot:
        rows = _pivoted(rows, *spec.pivot)
    for file, column in spec.joins:
        others = {row[column]: row for row in _results(file)["rows"]}
        rows = [{**others.get(row[column], {}), **row} for row in rows]
    if not rows:
        raise TableError(f"{spec.file}: no row has {spec.where}")
    for _, template in spec.columns:
        for name in _fields(template):
            if not any(name in row for row in rows):
                raise TableError(f"{spec.file} has no column {name!r}")
    cells = [[_cell(template, row) for _, template in spec.columns] for row in rows]
    made = markdown([heading for heading, _ in spec.columns], cells) + "\n"
    return f"{made}\n{_source(results)}\n" if spec.shows_source else made


def _source(results: Mapping[str, Any]) -> str:
    """Say in one line how rows were measured, as far as the file tells."""
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    settings = ", ".join(f"{name} {value}" for name, value in results.get("settings", {}).items())
    command = f"`{results['command']}`" if "command" in results else ""
    where = ", ".join(map(str, results["machine"].values()))
    parts = [command, where, versions, settings, results.get("date", "")]
    said = "; ".join(part for part in parts if part)
    sentences = [f"{said}." if said else "", results.get("note", "")]
    return "Measured: " + " ".join(filter(None, sentences))


def _kept(rows: Iterable[Row], where: Mapping[str, str]) -> list[Row]:
    return [row for row in rows if all(str(row.get(key)) == v for key, v in where.items())]


def _pivoted(rows: Iterable[Row], name: str, kept: Sequence[str]) -> list[Row]:
    """Merge rows that agree in the columns `kept`; other columns are named after the value."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row.get(column) for column in kept)
        one = merged.setdefault(key, dict(zip(kept, key, strict=True)))
        one |= {f"{column}@{row[name]}": value for column, value in row.items()}
    return list(merged.values())


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.split("=", 1) for part in text.split(", ") if part]
    if any(len(pair) != 2 for pair in pairs):
        raise TableError(f"{text!r} is not a list of column=value")
    return {key.strip(): value.strip() for key, value in pairs}


def _fields(template: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]


class _Formatter(string.Formatter):
    """Formats columns by their whole names, which may contain dots."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        return kwargs[field_name], field_name


def _cell(template: str, row: Row) -> str:
    if any(row.get(name) is None for name in _fields(template)):
        return MISSING
    return _Formatter().vformat(template, (), row)


@cache
def _results(file: str) -> dict[str, Any]:
    path = DOCS / file
    if not path.is_file():
        raise TableError(f"{file} does not exist")
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    missing = {"benchmark", "machine", "versions", "rows"} - results.keys()
    if missing:
        raise TableError(f"{file} lacks {', '.join(sorted(missing))}")
    return results
