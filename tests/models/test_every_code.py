"""Every error, decline and note has a stable code, and a quick test names each code."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from support.message_codes import TESTS, codes, named, parsed, sources, uncoded
from support.tiers import is_quick


def untested(is_run: Callable[[Path, str], bool]) -> dict[str, str]:
    """Codes that no test names, and where each is made.

    Args:
        is_run: whether a function of a file counts, by its name.
    """
    tested = named(
        node
        for file in TESTS.rglob("*.py")
        for node in parsed(file).body
        if not isinstance(node, ast.FunctionDef) or is_run(file, node.name)
    )
    return {code: str(places[0]) for code, places in codes(sources()).items() if code not in tested}


def test_every_code_has_a_code() -> None:
    assert uncoded(sources()) == []


def test_every_code_is_made_at_one_place() -> None:
    found = codes(sources())
    assert len(found) > 300
    assert {code: places for code, places in found.items() if len(places) > 1} == {}


def test_every_code_is_in_a_quick_test(collected: list[pytest.Item]) -> None:
    quick: set[tuple[Path, str]] = set()
    others: set[tuple[Path, str]] = set()
    for item in collected:
        if isinstance(item, pytest.Function):
            (quick if is_quick(item) else others).add((item.path, item.originalname))
    assert untested(lambda file, name: (file, name) not in others - quick) == {}


def test_a_code_that_no_test_names_is_found() -> None:
    assert len(untested(lambda file, name: not name.startswith("test_"))) > 50
