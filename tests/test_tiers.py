"""Each case is in one tier, and the quick one meets everything that can break by itself."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from support.families import AND, FAMILIES
from support.operators import WITH_BODIES
from support.tiers import check_each, covering, gathered, is_quick, names_in, quick_of

from jpegcompile.commands import COMMANDS
from jpegcompile.pipeline import pass_names
from jpegcompile.target.registry import TARGETS

Items = list[pytest.Item]
# A test without a product, all cases of which would be quick without its mark.
SAMPLED = "tests/passes/test_conv_transpose.py::test_random_geometries_against_pytorch["
# Names that a case meets.
NamesOf = Callable[[pytest.Item], set[str]]


def arguments(start: str) -> NamesOf:
    """What is named by the arguments of cases, in files whose names start so."""

    def names_of(item: pytest.Item) -> set[str]:
        given: Any = getattr(item, "callspec", None)
        is_there = given is not None and item.path.name.startswith(start)
        return names_in(given.params) if is_there else set()

    return names_of


def texts(*folders: str) -> NamesOf:
    """What is named in the texts of tests in these folders, and beside the tests of the file."""

    def names_of(item: pytest.Item) -> set[str]:
        if item.path.parent.name not in folders or not isinstance(item, pytest.Function):
            return set()
        texts = texts_of(item.module)
        return texts[""] | texts.get(item.originalname, set())

    return names_of


@cache
def texts_of(module: ModuleType) -> dict[str, set[str]]:
    """Names in the texts of each test of a file; under "" those in all but the tests."""
    found: dict[str, set[str]] = {"": set()}
    for statement in ast.parse(inspect.getsource(module)).body:
        name = statement.name if isinstance(statement, ast.FunctionDef) else ""
        constants = (n.value for n in ast.walk(statement) if isinstance(n, ast.Constant))
        names = {name for text in constants for name in re.findall(r"[\w-]+", str(text))}
        found.setdefault(name if name.startswith("test_") else "", set()).update(names)
    return found


def families(item: pytest.Item) -> set[str]:
    return {name for names in arguments("test_families")(item) for name in names.split(AND)}


# What there must be a quick case of, and where to look for its name.
EVERYTHING: dict[str, tuple[set[str], NamesOf]] = {
    "function body": (set(WITH_BODIES), arguments("test_function_bodies")),
    "kernel": (set(WITH_BODIES), arguments("test_native_")),
    "pass": (
        {name for target in TARGETS.values() for name in pass_names(target)},
        texts("passes", "models"),
    ),
    "command": (set(COMMANDS), texts("cli")),
    "family": ({family.name for family in FAMILIES}, families),
}


@cache
def met(kind: str, item: pytest.Item) -> frozenset[str]:
    """What a case meets of one kind."""
    wanted, names_of = EVERYTHING[kind]
    return frozenset(wanted & names_of(item))


def missing(kind: str, items: Items) -> set[str]:
    return EVERYTHING[kind][0].difference(*(met(kind, item) for item in items))


@pytest.mark.parametrize("kind", EVERYTHING)
def test_everything_has_a_quick_case(kind: str, collected: Items) -> None:
    assert missing(kind, [item for item in collected if is_quick(item)]) == set()


@pytest.mark.parametrize("kind", EVERYTHING)
def test_what_has_no_quick_case_is_found(kind: str, collected: Items) -> None:
    lost = max(EVERYTHING[kind][0])
    rest = [item for item in collected if is_quick(item) and lost not in met(kind, item)]
    assert lost in missing(kind, rest)


def test_every_case_is_in_one_tier(collected: Items) -> None:
    def check(item: pytest.Item) -> None:
        marks = {mark.name: mark for mark in item.iter_markers()}
        assert not {"thorough", "slow"} <= set(marks)
        assert "slow" not in marks or marks["slow"].kwargs["reason"]

    check_each(collected, check, lambda item: item.nodeid)


def marked(cases: list[Any]) -> list[tuple[Any, bool]]:
    """Values of cases, and whether they are quick."""
    return [(case.values, not case.marks) for case in cases]


def test_a_share_of_each_kind_is_quick() -> None:
    """The kinds begin one further on, so that each quick case has another of the letters."""
    cases = quick_of([(n, letter) for n in (1, 2, 3) for letter in "abc"], lambda case: case[0])
    assert [values for values, is_in in marked(cases) if is_in] == [(1, "a"), (2, "b"), (3, "c")]
    assert len(cases) == 9
    spread = quick_of("abcdefgh", quick=3)
    assert [values for values, is_in in marked(spread) if is_in] == [("a",), ("d",), ("g",)]


def test_few_sets_cover_every_element() -> None:
    products = [{("a", a), ("b", b)} for a in range(4) for b in range(3)]
    chosen = covering(products)
    assert set().union(*(products[index] for index in chosen)) == set().union(*products)
    assert len(chosen) == 4
    assert covering([{1}, {1, 2, 3}, {3, 4}]) == {1, 2}


def test_products_are_thinned(collected: Items) -> None:
    """Every value of an argument of the cases of one test is in a quick case, and few others."""
    name = "test_few_coefficients_are_as_good_as_zeros"
    cases = [item for item in collected if getattr(item, "originalname", "") == name]
    every, quick = (
        [item.callspec.params for item in part if isinstance(item, pytest.Function)]
        for part in (cases, filter(is_quick, cases))
    )
    for argument in ("op", "block", "isa"):
        assert {params[argument] for params in quick} == {params[argument] for params in every}
    assert len(quick) == len({params["op"] for params in quick})


def test_a_third_of_a_sample_is_quick(collected: Items) -> None:
    cases = [item for item in collected if item.nodeid.startswith(SAMPLED)]
    chosen = [index for index, item in enumerate(cases) if is_quick(item)]
    assert len(cases) > 9
    assert chosen == list(range(0, len(cases), 3))


def test_lists_of_cases_hold_each_case_once() -> None:
    lists = gathered(["a1", "a2", "b1", "a3", "b2", "c1"], lambda case: case[0])
    assert marked(lists) == [
        ((["a1"],), True),
        ((["a2", "a3"],), False),
        ((["b2"],), True),
        ((["b1"],), False),
        ((["c1"],), True),
    ]
    assert [case.id for case in lists] == ["a", "a-rest", "b", "b-rest", "c"]


def test_every_case_of_a_loop_is_tried() -> None:
    def check(case: int) -> None:
        assert case % 2, f"{case} is even"

    check_each([1, 3], check)
    with pytest.raises(ExceptionGroup, match="2 of 4 cases fail: 2; 4") as caught:
        check_each([1, 2, 3, 4], check)
    assert [error.__notes__ for error in caught.value.exceptions] == [["case: 2"], ["case: 4"]]
    with pytest.raises(AssertionError, match="there are no cases"):
        check_each([], check)
