"""The order in which frequencies are removed."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from jpegcompile.search.path import Curve, cheapest_first, hull


def test_hull_skips_what_a_longer_step_beats() -> None:
    steps = hull(Curve((15, 14, 13, 12), (0.0, 2.0, 2.0, 9.0)))
    assert [(s.level, s.price) for s in steps] == [(13, 1.0), (12, 7.0)]


def test_fewer_frequencies_never_count_as_better() -> None:
    steps = hull(Curve((15, 14, 13), (0.0, 3.0, 1.0)))
    assert [(s.level, s.price) for s in steps] == [(13, 1.5)]


def test_all_frequencies_alone_give_no_step() -> None:
    assert hull(Curve((15,), (0.0,))) == []


def test_cheapest_first() -> None:
    curves = {"a": Curve((15, 14, 13), (0.0, 1.0, 4.0)), "b": Curve((15, 14), (0.0, 2.0))}
    assert cheapest_first(curves) == [
        {"a": 15, "b": 15},
        {"a": 14, "b": 15},
        {"a": 14, "b": 14},
        {"a": 13, "b": 14},
    ]


@pytest.mark.parametrize("seed", range(5))
def test_no_plan_gives_up_more_for_less(seed: int) -> None:
    generator = np.random.default_rng(seed)
    curves = {
        name: Curve((15, 13, 8, 5, 1), (0.0, *np.maximum.accumulate(generator.exponential(1.0, 4))))
        for name in "abc"
    }
    every = [
        dict(zip("abc", levels, strict=True)) for levels in product((15, 13, 8, 5, 1), repeat=3)
    ]

    def worth(plan: dict[str, int]) -> tuple[int, float]:
        loss = sum(curves[n].losses[curves[n].levels.index(v)] for n, v in plan.items())
        return sum(15 - v for v in plan.values()), loss

    for plan in cheapest_first(curves):
        given_up, loss = worth(plan)
        assert not any(
            other >= given_up and price < loss - 1e-12 for other, price in map(worth, every)
        )
