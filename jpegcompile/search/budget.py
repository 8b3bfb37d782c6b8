"""The farthest plan on a path that is within a budget, not by luck."""

from __future__ import annotations

from collections.abc import Callable

from jpegcompile.search.interval import PairedCounts, mean_counts

# Neighbours of a plan, and how far apart they are: a fraction of the path, so that they differ in
# some frequencies but little in what they lose.
_NEIGHBOURS = (-2, -1, 1, 2)
_STEP = 1 / 80
# Measurements that one step of the search takes at most.
PLANS_A_STEP = 1 + len(_NEIGHBOURS)


def farthest_within(
    plans: int,
    accuracy: Callable[[int], PairedCounts],
    most: float,
    is_chaotic: Callable[[int], bool] | None = None,
) -> int:
    """Index of a plan within the budget whose successor is not.

    A plan is within if it, and its neighbours on average, lose no more by a lower confidence bound:
    masks are discontinuous, so that plans of one frequency's difference differ on some images by
    chance, and of many plans one is lucky.

    Args:
        plans: number of plans; the first one is exact, and each loses more than the one before, but
            for chance.
        accuracy: measures a plan against the first one.
        most: accuracy that may be lost, a fraction.
        is_chaotic: tells plans whose answers depend on rounding, which are not within.
    """
    step = max(1, round(plans * _STEP))

    def is_within(index: int) -> bool:
        counts = accuracy(index)
        if counts.lowest_change() < -most:
            return False
        beside = [accuracy(min(max(index + step * k, 0), plans - 1)) for k in _NEIGHBOURS]
        if mean_counts([counts, *beside]).lowest_change() < -most:
            return False
        return is_chaotic is None or not is_chaotic(index)

    inside, outside = 0, plans
    while outside - inside > 1:
        middle = (inside + outside) // 2
        if is_within(middle):
            inside = middle
        else:
            outside = middle
    return inside
