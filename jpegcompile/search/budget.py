"""Find the farthest plan on a path that is within the budget, and is so not only by chance."""

from __future__ import annotations

from collections.abc import Callable

from jpegcompile.search.interval import PairedCounts, mean_counts

# Offsets of the neighbors of a plan, in steps of `_STEP` of the path. Neighbors differ in some
# frequencies but lose nearly the same accuracy.
_NEIGHBORS = (-2, -1, 1, 2)
_STEP = 1 / 80
# Largest number of measurements in one step of the search.
PLANS_A_STEP = 1 + len(_NEIGHBORS)


def farthest_within(
    plans: int,
    accuracy: Callable[[int], PairedCounts],
    most: float,
    is_chaotic: Callable[[int], bool] | None = None,
) -> int:
    """Find a plan within the budget whose successor is not, by bisection.

    A plan is within the budget if two lower confidence bounds of the accuracy are: the bound of the
    plan, and the bound of the mean over the plan and its neighbors. The second is needed because
    masks are discontinuous. Plans that differ in one frequency differ on some images by chance, and
    one of many plans would be within the budget by chance.

    Args:
        plans: number of plans. The first plan is exact, and losses increase along the path except
            for chance.
        accuracy: measures the plan at an index against the first plan.
        most: budget, the accuracy that may be lost, as a fraction.
        is_chaotic: whether the outputs of the plan at an index depend on rounding. Such plans are
            not within the budget.

    Returns:
        The index of the plan.
    """
    step = max(1, round(plans * _STEP))

    def is_within(index: int) -> bool:
        counts = accuracy(index)
        if counts.lowest_change() < -most:
            return False
        beside = [accuracy(min(max(index + step * k, 0), plans - 1)) for k in _NEIGHBORS]
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
