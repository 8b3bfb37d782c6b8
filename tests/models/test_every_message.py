"""Every reason and every refusal that the compiler can give stands in a test, word for word."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.tiers import is_quick

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
SPEAKING = (
    "passes",
    "jpegcompile/ir",
    "jpegcompile/frontend",
    "jpegcompile/weights",
    "jpegcompile/target",
)
SPEAKING_FILES = ("options.py", "odd_maps.py", "input_size.py", "compiler.py")
# Shorter texts are names and keys.
_WORDS = 3
_NOT_SPOKEN = (r"\(op_type:", "=>", "{ x =", "v0 =")


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Texts in code, of formatted ones the parts between the values; no docstrings."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            yield str(node.value)


def spoken(text: str) -> bool:
    is_code = any(part in text for part in _NOT_SPOKEN)
    return not is_code and len(re.findall(r"[a-z]+(?: |$)", text)) >= _WORDS


def messages() -> dict[str, str]:
    """Every message, and the file that it is in."""
    files = [file for folder in SPEAKING for file in (ROOT / folder).rglob("*.py")]
    files += [ROOT / "jpegcompile" / name for name in SPEAKING_FILES]
    return {
        re.sub(r"^\W+|\W+$", "", text): file.name
        for file in files
        for text in texts_of(ast.parse(file.read_text()))
        if spoken(text)
    }


def untested(is_run: Callable[[Path, str], bool]) -> dict[str, str]:
    """Messages that are in no test but those that do not run, by their file and name."""
    trees = {file: ast.parse(file.read_text()) for file in TESTS.rglob("*.py")}
    for file, tree in trees.items():
        tree.body = [
            node
            for node in tree.body
            if not isinstance(node, ast.FunctionDef) or is_run(file, node.name)
        ]
    tested = "\n".join(text for tree in trees.values() for text in texts_of(tree)).replace("\\", "")
    return {text: file for text, file in messages().items() if text not in tested}


def test_every_message_is_in_a_test() -> None:
    assert len(messages()) > 100
    assert untested(lambda file, name: True) == {}


def test_every_message_is_in_a_quick_test(collected: list[pytest.Item]) -> None:
    quick: set[tuple[Path, str]] = set()
    others: set[tuple[Path, str]] = set()
    for item in collected:
        if isinstance(item, pytest.Function):
            (quick if is_quick(item) else others).add((item.path, item.originalname))
    assert untested(lambda file, name: (file, name) not in others - quick) == {}
    assert len(untested(lambda file, name: not name.startswith("test_"))) > 50
