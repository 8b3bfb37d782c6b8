"""Commands and options in the documentation exist, by their current names."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import click
from support.tiers import check_each

from jpegcompile.commands import COMMANDS, command_of

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Options of benchmarks, of tests and of other programs.
OTHERS = {
    "--check", "--fault", "--hypothesis-profile", "--hypothesis-seed", "--network", "--plot",
    "--rounds", "--stem", "--threads",
}  # fmt: skip


def options_of(name: str) -> set[str]:
    parameters = command_of(name).params
    return {
        spelling
        for parameter in parameters
        if isinstance(parameter, click.Option) and not parameter.hidden
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    } | {"--help", "--debug"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8").replace("\\\n", " ")


def test_commands() -> None:
    check_each(PAGES, require_commands, lambda page: page.name)


def require_commands(page: Path) -> None:
    text = text_of(page)
    fenced = "".join(re.findall(r"^```.*?^```$", text, re.DOTALL | re.MULTILINE))
    lines = re.findall(r"^(?:\$ )?jpegcompile (.*)$", fenced, re.MULTILINE)
    lines += re.findall(r"^    jpegcompile (.*)$", text, re.MULTILINE)
    for line in lines:
        words = shlex.split(line.replace("[", "").replace("]", ""), comments=True)
        given = {word.split("=")[0] for word in words if re.match(r"-+[a-z]", word)}
        assert given <= options_of(words[0]), line


def test_options_in_prose() -> None:
    check_each(PAGES, require_options_in_prose, lambda page: page.name)


def require_options_in_prose(page: Path) -> None:
    known = OTHERS.union(*map(options_of, COMMANDS))
    prose = re.sub(r"^```.*?^```$|^    .*$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]*)`", prose)
    named = {name for span in spans for name in re.findall(r"(?<![\w-])--[a-z][a-z-]*", span)}
    measured = {
        name
        for line in prose.splitlines()
        if line.startswith("Measured: ")
        for name in re.findall(r"--[a-z-]+", line)
    }
    assert named - measured <= known


def test_python_is_valid() -> None:
    check_each(PAGES, require_valid_python, lambda page: page.name)


def require_valid_python(page: Path) -> None:
    for block in re.findall(r"^```python\n(.*?)^```$", text_of(page), re.DOTALL | re.MULTILINE):
        ast.parse(block)
