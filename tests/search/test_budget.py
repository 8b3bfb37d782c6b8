"""The farthest plan within a budget, on paths with artificial losses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jpegcompile.search.budget import PLANS_A_STEP, farthest_within
from jpegcompile.search.interval import PairedCounts

IMAGES = 10_000


def measured(lost_by: Callable[[int], int]) -> tuple[Callable[[int], PairedCounts], list[int]]:
    """Return plans that lose the given numbers of images, and a list of measured plans."""
    asked: list[int] = []

    def accuracy(index: int) -> PairedCounts:
        asked.append(index)
        return PairedCounts(IMAGES, 9000, lost_by(index), 0)

    return accuracy, asked


@pytest.mark.parametrize("plans", [1, 2, 3, 17, 400])
def test_losses_that_rise_evenly(plans: int) -> None:
    accuracy, asked = measured(lambda index: index)
    found = farthest_within(plans, accuracy, 0.01)
    # The budget is 100 of 10,000 images. The confidence bound allows fewer lost images.
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
    """A plan is not within the budget if only the plan is, but not its neighbors."""
    lucky = 50
    accuracy, asked = measured(lambda index: 0 if index in (0, lucky) else 300)
    assert farthest_within(100, accuracy, 0.01) == 0
    assert lucky in asked


def test_an_unlucky_plan_is_not_taken_for_its_neighbors() -> None:
    """The reported counts of a plan are within the budget."""
    unlucky = 50
    accuracy, asked = measured(lambda index: 300 if index == unlucky else 0)
    found = farthest_within(100, accuracy, 0.01)
    assert unlucky in asked
    assert found == unlucky - 1


def test_a_chaotic_plan_is_not_within() -> None:
    """No plan loses accuracy, but the outputs of plans from the seventh on depend on rounding."""
    asked: list[int] = []

    def is_chaotic(index: int) -> bool:
        asked.append(index)
        return index > 6

    same = PairedCounts(1000, 800, 0, 0)
    assert farthest_within(40, lambda _: same, 0.01, is_chaotic) == 6
    assert farthest_within(40, lambda _: same, 0.01) == 39
    # A plan beyond the budget is not checked for stability.
    asked.clear()
    worse = PairedCounts(1000, 800, 200, 0)
    assert farthest_within(40, lambda i: worse if i else same, 0.01, is_chaotic) == 0
    assert not asked
