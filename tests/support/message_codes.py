"""The codes of the messages in the package: where each is made, and which a test names.

`python -P tests/support/message_codes.py FOLDER...` lists texts that lack a code, and codes that no
test names, for the sources below the folders.
"""

from __future__ import annotations

import ast
import gc
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
SOURCES = ("jpegcompile", "passes", "kernels")

# Calls whose message, at this place among the arguments, reaches the user.
SPOKEN = {
    "JpegCompileError": 0,
    "CheckFailedError": 0,
    "UsageError": 0,
    "UnsupportedModelError": 0,
    "ImageError": 0,
    "AccessError": 0,
    "InternalError": 0,
    "Decline": 1,
    "DeclinedError": 0,
    "NotReadError": 0,
    "note": 0,
}
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Place:
    """A line of a source file."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}"


@cache
def parsed(file: Path) -> ast.Module:
    """Syntax tree of a file, which callers do not change."""
    gc.disable()
    try:
        return ast.parse(file.read_text())
    finally:
        # Trees stay in the cache: collections of garbage would look at all of them each time.
        gc.freeze()
        gc.enable()


def sources(folders: Iterable[str] = SOURCES) -> Iterator[Path]:
    """Python files below folders of the repository, links left out."""
    for folder in folders:
        path = ROOT / folder
        if path.is_file():
            yield path
            continue
        for file in sorted(path.rglob("*.py")):
            if not any(parent.is_symlink() for parent in file.parents):
                yield file


def uncoded(files: Iterable[Path]) -> list[Place]:
    """Places where a plain text is given to an error, a decline or a note."""
    return [
        Place(file, call.lineno)
        for file in files
        for call in _calls(file)
        if (place := SPOKEN.get(_name(call))) is not None
        and place < len(call.args)
        and _is_plain(call.args[place])
    ]


def codes(files: Iterable[Path]) -> dict[str, list[Place]]:
    """Places of every code that is written out in a `Message`."""
    found: dict[str, list[Place]] = {}
    for file in files:
        for call in _calls(file):
            if _name(call) != "Message" or not call.args:
                continue
            code = call.args[0]
            if isinstance(code, ast.Constant):
                assert isinstance(code.value, str)
                assert _CODE.fullmatch(code.value), f"{file}:{call.lineno}: {code.value}"
                found.setdefault(code.value, []).append(Place(file, call.lineno))
            else:
                is_passed_on = isinstance(code, ast.Attribute) and code.attr == "code"
                assert is_passed_on, f"{file}:{call.lineno}: no literal code"
    return found


def named(trees: Iterable[ast.AST]) -> set[str]:
    """Every string constant in code that has the form of a code."""
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and _CODE.fullmatch(node.value)
    }


def _calls(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Call):
            yield node


def _name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_plain(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str)
    return isinstance(value, ast.JoinedStr | ast.BinOp)


if __name__ == "__main__":
    chosen = list(sources(sys.argv[1:] or SOURCES))
    for spot in uncoded(chosen):
        print(f"{spot}: text without a code")
    tested = named(parsed(file) for file in TESTS.rglob("*.py"))
    known = codes(sources())
    for code, places in codes(chosen).items():
        if code not in tested:
            print(f"{places[0]}: no test names '{code}'")
        if len(known[code]) > 1:
            everywhere = ", ".join(map(str, known[code]))
            print(f"'{code}' is made at several places: {everywhere}")
