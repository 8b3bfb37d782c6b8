"""From sensitivities to plans: the order in which frequencies are given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

Name = TypeVar("Name")


@dataclass(frozen=True)
class Curve:
    """What a knob costs.

    Attributes:
        levels: numbers of frequencies, from all of them down.
        losses: at each level; 0 for all frequencies.
    """

    levels: tuple[int, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class Step:
    """A knob goes down to a level, at `price` in loss for each frequency given up."""

    level: int
    price: float


def hull(curve: Curve) -> list[Step]:
    """Steps from all frequencies down along the lower convex hull, so that prices rise.

    Measured losses are made monotone first: fewer frequencies never count as better, which would
    be luck of the images.
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
    """Levels of all knobs: first all frequencies, then with one step after the other taken.

    Losses of single knobs are taken to add up, so the cheapest step comes first; each prefix of
    this order has the least loss for the frequencies that it gives up.
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
