"""Generated documentation: nothing is stale, and markers that cannot be filled are errors."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import make
import models_table
import pytest
from generate import errors, idea, tables

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("page.md")
RESULTS = ROOT / "docs" / "results"


@pytest.mark.thorough
def test_nothing_is_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run `python docs/make.py` and commit what it writes."""
    monkeypatch.setattr(sys, "argv", ["make.py", "--check"])
    assert (make.main(), capsys.readouterr().err) == (0, "")


def test_stale_files_are_named_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "README.md").write_text("no table")
    monkeypatch.setattr(make, "DOCS", docs)
    monkeypatch.setattr(make, "README", tmp_path / "README.md")
    monkeypatch.setattr(make, "PAGES", {"one.md": lambda: "new"})
    monkeypatch.setattr(sys, "argv", ["make.py", "--check"])
    assert make.main() == 1
    assert capsys.readouterr().err == "docs/one.md is stale; run python docs/make.py\n"
    monkeypatch.setattr(sys, "argv", ["make.py"])
    assert make.main() == 0
    assert (docs / "one.md").read_text() == "new"
    monkeypatch.setattr(sys, "argv", ["make.py", "--check"])
    assert make.main() == 0
    (docs / "two.md").write_text("<!-- table: results/none.json\na: {a}\n-->\n<!-- end -->\n")
    assert make.main() == 2
    assert "two.md: results/none.json does not exist" in capsys.readouterr().err


def test_every_file_of_results_is_shown() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    for path in RESULTS.glob("*.json"):
        assert f"results/{path.name}" in text, path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results with two files."""
    monkeypatch.setattr(tables, "DOCS", tmp_path)
    tables._results.cache_clear()
    machine = {"processor": "fast", "processors": "2 processors"}
    head = {"benchmark": "b", "machine": machine, "versions": {"tool": "1"}}
    times = [{"net": "a", "threads": 1, "ms": 2.5}, {"net": "b", "threads": 2, "ms": None}]
    first = {**head, "command": "run it", "date": "today", "rows": times}
    (tmp_path / "times.json").write_text(json.dumps(first))
    second = {**head, "rows": [{"net": "a", "top1": 90}]}
    (tmp_path / "top1.json").write_text(json.dumps(second))
    return tmp_path


def table(*lines: str) -> str:
    inside = "\n".join(lines)
    return f"<!-- table: {inside}\n-->\nold\n<!-- end -->\n"


def body(text: str) -> list[str]:
    lines = tables.filled(text, PAGE).split("-->\n", 1)[1].splitlines()
    return [line for line in lines if line and line != "<!-- end -->"]


def test_tables(folder: Path) -> None:
    made = body(
        table("times.json", "@join top1.json by net", "n: {net}", "t: {ms:.2f} ms", "p: {top1}")
    )
    assert made == ["| n | t | p |", "| --- | --- | --- |", "| a | 2.50 ms | 90 |", "| b | - | - |"]
    made = body(table("times.json", "@where threads=2", "@source", "n: {net}"))
    assert made[2:] == ["| b |", "Measured: `run it`; fast, 2 processors; tool 1; today."]


def test_pivoted_tables(folder: Path) -> None:
    rows = [
        {"net": net, "threads": threads, "ms.all": ms}
        for net, threads, ms in [("a", 1, 5), ("a", 2, 3), ("b", 1, 7)]
    ]
    text = json.dumps({"benchmark": "b", "machine": {}, "versions": {}, "rows": rows})
    (folder / "pivot.json").write_text(text)
    columns = "n: {net} | one: {ms.all@1} | two: {ms.all@2}"
    made = body(table("pivot.json", "@pivot threads by net", columns))
    assert made[2:] == ["| a | 5 | 3 |", "| b | 7 | - |"]


def test_values(folder: Path) -> None:
    text = "takes <!-- value: times.json {ms:.1f} @where net=a -->9<!-- end --> ms"
    assert "-->2.5<!-- end --> ms" in tables.filled(text, PAGE)
    assert tables.filled(tables.filled(text, PAGE), PAGE) == tables.filled(text, PAGE)


@pytest.mark.parametrize(
    "text",
    [
        table("none.json", "n: {net}"),
        table("times.json", "n: {none}"),
        table("times.json", "@where net=c", "n: {net}"),
        table("times.json", "@where net", "n: {net}"),
        table("times.json", "nothing"),
        "<!-- table: times.json\nn: {net}\n-->\n",
        "<!-- value: times.json {ms} -->1<!-- end -->",
    ],
)
def test_markers_that_cannot_be_filled(folder: Path, text: str) -> None:
    with pytest.raises(tables.TableError, match=r"^page\.md: "):
        tables.filled(text, PAGE)


def test_results_of_models() -> None:
    outcome = {
        "family": "net", "exporter": "dynamo", "lowered": 3, "kept": 0, "exact": 0,
        "error": 1.23e-6, "casts": 1, "casts_allowed": 1, "allowed": 1e-5, "seconds": 0.51,
    }  # fmt: skip
    slow = {**outcome, "seconds": 99}
    made = json.loads(models_table.results([slow, outcome, {**slow, "family": "other"}]))
    assert [row["verdict"] for row in made["rows"]] == ["ok", "**RED**"]
    assert made["rows"][0]["error"] == 1.2e-6


SOURCE = """
ADVICE = "omit it"
def f(self, node, names):
    if not names:
        raise UsageError(Message("no-names", f"{node.name}: has no names"))
    report.note(Message("note-a", "text | with" + f" {', '.join(names)} and {len(names)}"))
    text = f"{node.name}: too long"
    raise UsageError(Message("too-long", text))
    damaged = Message("damaged", "old text")
    raise ImageError(damaged)
    raise UsageError(Message(error.code, f"{node}: {error}"))
    where = "here" if names else f"in {node}"
    raise UsageError(Message("resolved", f"{where} is {names}; {ADVICE}"))
    raise ImageError(made(node))
    return Message("reason-a", f"{self._where} is {max(a + b for a in names)}")

def made(node):
    return Message("made-elsewhere", ADVICE)
"""


def test_messages_are_read_from_sources() -> None:
    tree = errors._with_variables(errors._with_constants(ast.parse(SOURCE)))
    assert list(errors._texts_of(tree)) == [
        errors.Text("UsageError", "no-names", "{node.name}: has no names"),
        errors.Text(errors.NOTES, "note-a", r"text \| with {names} and {names}"),
        errors.Text("UsageError", "too-long", "{node.name}: too long"),
        errors.Text("ImageError", "damaged", "old text"),
        errors.Text("UsageError", "resolved", "here / in {node} is {names}; omit it"),
        errors.Text(errors.REASONS, "reason-a", "{where} is {names}"),
        errors.Text("ImageError", "made-elsewhere", "omit it"),
    ]


REPEATED = """
def f(self, names):
    text = "has no names"
    text = f"{text}; give some"
    raise UsageError(Message("longer", text))
    one = "first"
    raise UsageError(Message("earlier", f"{one} and {other}"))
    other = f"{one} {other}"
    one = f"{other}"
    raise UsageError(Message("in-turn", one))
"""


def test_variables_that_contain_their_earlier_text() -> None:
    tree = errors._with_variables(ast.parse(REPEATED))
    assert [text.template for text in errors._texts_of(tree)] == [
        "has no names; give some",
        "{one} and {other}",
        "{one} {other}",
    ]


def test_messages_of_the_native_reader_are_read_from_sources() -> None:
    texts = {text.template for text in errors._texts_of_reader()}
    assert "{name}: is a directory; give the path of a JPEG file" in texts
    assert "{name}: not a JPEG: it is empty; give a whole JPEG file" in texts
    assert {text.code for text in errors._texts_of_reader()} == {
        "image-unreadable", "image-memory-exhausted", "jpeg-not-recognized", "jpeg-damaged",
        "jpeg-kind-unsupported", "jpeg-too-large", "jpeg-too-many-scans",
    }  # fmt: skip


def test_the_picture_does_not_depend_on_chance() -> None:
    first = idea.picture()
    assert first == idea.picture()
    assert "nan" not in first
