"""The order in which frequencies are removed, from the sensitivities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

Name = TypeVar("Name")


@dataclass(frozen=True)
class Curve:
    """Loss of one knob at each level.

    Attributes:
        levels: numbers of frequencies, from all frequencies down.
        losses: loss at each level; 0 for all frequencies.
    """

    levels: tuple[int, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class Step:
    """A reduction of a knob to a level.

    Attributes:
        level: number of frequencies.
        price: loss for each removed frequency.
    """

    level: int
    price: float


def hull(curve: Curve) -> list[Step]:
    """Return the steps along the lower convex hull of a curve, with increasing prices.

    Measured losses are first made monotone, because fewer frequencies are better only by chance.
    """
    points: list[tuple[int, float]] = []
    worst = 0.0
    for level, loss in zip(curve.levels, curve.losses, strict=True):
        worst = max(worst, loss)
        point = (curve.levels[0] - level, worst)
        while len(points) > 1 and _price(points[-2], points[-1]) >= _price(points[-1], point):
            points.pop()
        points.append(point)
    return [
        Step(curve.levels[0] - after[0], _price(before, after))
        for before, after in pairwise(points)
    ]


def _price(before: tuple[int, float], after: tuple[int, float]) -> float:
    return (after[1] - before[1]) / (after[0] - before[0])


def cheapest_first(curves: Mapping[Name, Curve]) -> Sequence[dict[Name, int]]:
    """Return a path of plans that starts with all frequencies and takes the cheapest step first.

    Losses of single knobs are assumed to add up. Then each plan on the path has the smallest loss
    for the number of frequencies that it removes.

    Args:
        curves: curves by knob.

    Returns:
        The levels of all knobs for each plan.
    """
    steps = [
        (step.price, order, name, step.level)
        for order, (name, curve) in enumerate(curves.items())
        for step in hull(curve)
    ]
    steps.sort(key=lambda step: step[:2])
    plans = [{name: curve.levels[0] for name, curve in curves.items()}]
    for _, _, name, level in steps:
        plans.append({**plans[-1], name: level})
    return plans
