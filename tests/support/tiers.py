"""The tiers of the suite: what a newcomer runs, and what continuous integration runs besides.

A case without a mark is quick. `thorough` moves a case, a test or a module to the other tier, and
the functions here do so for all but a share of a parametrisation. `docs/testing.md` has the rules,
`tests/test_tiers.py` checks them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from typing import Any, TypeVar

import pytest
from _pytest.mark.structures import ParameterSet

Case = TypeVar("Case")

thorough = pytest.mark.thorough
# One quick case of so many stays quick in a test that is marked `sampled`.
_SAMPLE = 3


def is_quick(item: pytest.Item) -> bool:
    """Whether no mark takes a case out of the quick tier."""
    return not any(mark.name in ("thorough", "slow") for mark in item.iter_markers())


def thin_products(items: Iterable[pytest.Item]) -> None:
    """Leave in the quick tier, of a product of parametrisations, what has every value of each.

    Several `parametrize` marks on one test make all combinations of their values. Enough of them
    stay quick that each value is in one; the others become thorough.
    """
    tests: dict[str, list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and is_quick(item):
            tests.setdefault(item.nodeid.split("[")[0], []).append(item)
    for cases in tests.values():
        if len(list(cases[0].iter_markers("parametrize"))) < 2:
            continue
        values = [_values_of(item) for item in cases]
        chosen = covering(values)
        for index, item in enumerate(cases):
            if index not in chosen:
                item.add_marker(thorough)


def thin_samples(items: Iterable[pytest.Item]) -> None:
    """Leave in the quick tier a third of the quick cases of a test marked `sampled`."""
    met: dict[str, int] = {}
    for item in items:
        if item.get_closest_marker("sampled") is None or not is_quick(item):
            continue
        name = item.nodeid.split("[")[0]
        met[name] = met.get(name, -1) + 1
        if met[name] % _SAMPLE:
            item.add_marker(thorough)


def covering(sets: Sequence[Set[Hashable]]) -> set[int]:
    """Few of the sets that together hold every element, by their indices."""
    missing = set().union(*sets)
    chosen: set[int] = set()
    while missing:
        best = max(range(len(sets)), key=lambda index: (len(sets[index] & missing), -index))
        chosen.add(best)
        missing -= sets[best]
    return chosen


def _values_of(item: pytest.Function) -> set[Hashable]:
    """Which row of each `parametrize` mark a case has: values are the same objects in all cases."""
    rows: set[Hashable] = set()
    for mark in item.iter_markers("parametrize"):
        names = mark.kwargs.get("argnames") or mark.args[0]
        listed = tuple(n.strip() for n in names.split(",")) if isinstance(names, str) else names
        rows.add((*listed, *(id(item.callspec.params[name]) for name in listed)))
    return rows


def quick_of(
    cases: Iterable[Case],
    key: Callable[[Case], Hashable] = lambda case: None,
    *,
    quick: int = 1,
    ids: Callable[[Case], str] | None = None,
) -> list[ParameterSet]:
    """All cases for `parametrize`: `quick` of each kind are in the quick tier, the rest is not.

    Args:
        cases: one or, as tuples, several arguments of the test.
        key: the kind of a case.
        quick: about how many of a kind stay quick, spread evenly over it.
        ids: the name of a case, if pytest is not to make it.
    """
    every = list(cases)
    chosen = {
        index
        for members, _ in _shares(
            range(len(every)), lambda index: key(every[index]), quick
        ).values()
        for index in members
    }
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            id=ids(case) if ids else None,
            marks=[] if index in chosen else [thorough],
        )
        for index, case in enumerate(every)
    ]


def gathered(
    cases: Iterable[Case], key: Callable[[Case], str], *, quick: int = 1
) -> list[ParameterSet]:
    """Lists of cases for a test that takes them in a loop by `check_each`: two lists a kind.

    The first, called after the kind, has about `quick` of its cases, spread evenly over it. The
    other one, `KIND-rest`, has all others and is thorough.
    """
    lists = []
    for kind, (chosen, rest) in _shares(cases, key, quick).items():
        lists.append(pytest.param(chosen, id=str(kind)))
        if rest:
            lists.append(pytest.param(rest, id=f"{kind}-rest", marks=[thorough]))
    return lists


def check_each(
    cases: Iterable[Case],
    check: Callable[[Case], object],
    name: Callable[[Case], str] = str,
) -> None:
    """Run a check on every case. Each one that fails is reported with its name and traceback.

    Raises:
        ExceptionGroup: with what every failing case raised.
    """
    failures: list[Exception] = []
    names: list[str] = []
    count = 0
    for case in cases:
        count += 1
        try:
            check(case)
        except Exception as error:
            error.add_note(f"case: {name(case)}")
            failures.append(error)
            names.append(name(case))
    assert count, "there are no cases"
    if failures:
        text = f"{len(failures)} of {count} cases fail: {'; '.join(names)}"
        raise ExceptionGroup(text, failures)


def _shares(
    cases: Iterable[Case], key: Callable[[Case], Hashable], quick: int
) -> dict[Hashable, tuple[list[Case], list[Case]]]:
    """By kind, the cases that stay quick and the others.

    Each kind begins one case further on than the one before. So where the cases of every kind
    differ in the same, such as instruction sets, the quick tier meets all of it.
    """
    kinds: dict[Hashable, list[Case]] = {}
    for case in cases:
        kinds.setdefault(key(case), []).append(case)
    shares: dict[Hashable, tuple[list[Case], list[Case]]] = {}
    for number, (kind, members) in enumerate(kinds.items()):
        step = max(1, -(-len(members) // quick))
        chosen = [index % step == number % step for index in range(len(members))]
        shares[kind] = (
            [case for case, is_quick in zip(members, chosen, strict=True) if is_quick],
            [case for case, is_quick in zip(members, chosen, strict=True) if not is_quick],
        )
    return shares


def names_in(value: Any) -> set[str]:
    """Names of operators, families and passes among the arguments of a case, at any depth."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return names_in([*value, *value.values()])
    if isinstance(value, list | tuple | set | frozenset):
        return set().union(*(names_in(part) for part in value))
    owned = (getattr(value, name, None) for name in ("case", "op", "name", "form"))
    return set().union(*(names_in(part) for part in owned if part is not None))
