"""The farthest plan within a budget, on paths whose losses are made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jpegcompile.search.budget import PLANS_A_STEP, farthest_within
from jpegcompile.search.interval import PairedCounts

IMAGES = 10_000


def measured(lost_by: Callable[[int], int]) -> tuple[Callable[[int], PairedCounts], list[int]]:
    """Plans that lose so many images and gain none; and which of them were asked for."""
    asked: list[int] = []

    def accuracy(index: int) -> PairedCounts:
        asked.append(index)
        return PairedCounts(IMAGES, 9000, lost_by(index), 0)

    return accuracy, asked


@pytest.mark.parametrize("plans", [1, 2, 3, 17, 400])
def test_losses_that_rise_evenly(plans: int) -> None:
    accuracy, asked = measured(lambda index: index)
    found = farthest_within(plans, accuracy, 0.01)
    # A hundred of ten thousand are the budget, of which a bound leaves less.
    wanted = max(
        i for i in range(plans) if PairedCounts(IMAGES, 9000, i, 0).lowest_change() >= -0.01
    )
    assert found == wanted
    assert wanted < 100
    assert len(asked) <= plans.bit_length() * PLANS_A_STEP


def test_nothing_is_lost() -> None:
    accuracy, _ = measured(lambda index: 0)
    assert farthest_within(100, accuracy, 0.01) == 99


def test_everything_is_lost_at_once() -> None:
    accuracy, _ = measured(lambda index: 0 if index == 0 else 5000)
    assert farthest_within(100, accuracy, 0.01) == 0


def test_a_lucky_plan_is_not_taken() -> None:
    """It alone is within: its neighbours tell."""
    lucky = 50
    accuracy, asked = measured(lambda index: 0 if index in (0, lucky) else 300)
    assert farthest_within(100, accuracy, 0.01) == 0
    assert lucky in asked


def test_an_unlucky_plan_is_not_taken_for_its_neighbours() -> None:
    """What is reported of a plan is within the budget itself."""
    unlucky = 50
    accuracy, asked = measured(lambda index: 300 if index == unlucky else 0)
    found = farthest_within(100, accuracy, 0.01)
    assert unlucky in asked
    assert found == unlucky - 1


def test_a_chaotic_plan_is_not_within() -> None:
    """All plans lose nothing; from the seventh on answers depend on rounding."""
    asked: list[int] = []

    def is_chaotic(index: int) -> bool:
        asked.append(index)
        return index > 6

    same = PairedCounts(1000, 800, 0, 0)
    assert farthest_within(40, lambda _: same, 0.01, is_chaotic) == 6
    assert farthest_within(40, lambda _: same, 0.01) == 39
    # What loses too much is not measured.
    asked.clear()
    worse = PairedCounts(1000, 800, 200, 0)
    assert farthest_within(40, lambda i: worse if i else same, 0.01, is_chaotic) == 0
    assert not asked
