"""The shape that a reshape makes at another size of the image.

Dimensions of the result are made of dimensions of the operand. Where these change, so does the
dimension that they are merged into. Where one of them is taken apart, either the network has maps
of these sides, or one factor is a number of channels or the side of a block, which does not change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from jpegcompile.frontend.resolution.tensors import Dims

# Height and width of a map of the network -> at the other size.
MapSizes = Mapping[Dims, set[Dims]]


def shape_at(old: Dims, made: Dims, new: Dims, maps: MapSizes) -> Dims | None:
    """The shape of the result at the other size; None where it does not follow.

    Args:
        old: shape of the operand at the first size.
        made: shape of the result at the first size.
        new: shape of the operand at the other size.
        maps: what became of the sizes of maps.
    """
    groups = list(_groups(old, made))
    if not groups:
        return None
    result: list[int] = []
    for taken, given in groups:
        before = [old[axis] for axis in taken]
        after = [new[axis] for axis in taken]
        sides = _sides(before, after, [made[axis] for axis in given], maps)
        if sides is None:
            return None
        result += sides
    return tuple(result)


def _groups(old: Dims, made: Dims) -> Iterator[tuple[range, range]]:
    """Runs of axes of both shapes that hold as many elements; none where one is empty."""
    if 0 in old or 0 in made or math.prod(old) != math.prod(made):
        return
    left = right = 0
    while left < len(old) or right < len(made):
        taken, given = left, right
        left, right = min(left + 1, len(old)), min(right + 1, len(made))
        while math.prod(old[taken:left]) != math.prod(made[given:right]):
            if math.prod(old[taken:left]) < math.prod(made[given:right]):
                left += 1
            else:
                right += 1
        # What follows is of one element.
        if right == len(made):
            left = len(old)
        elif left == len(old):
            right = len(made)
        yield range(taken, left), range(given, right)


def _sides(
    before: Sequence[int], after: Sequence[int], made: Sequence[int], maps: MapSizes
) -> list[int] | None:
    """What becomes of the dimensions `made` of a group."""
    if list(before) == list(after):
        return list(made)
    total = math.prod(after)
    large = [place for place, size in enumerate(made) if size > 1]
    if len(large) > 1:
        return (
            _map_at_end(total, made, maps)
            or _rest(total, before, after, made)
            or _blocks(before, after, made)
        )
    if not made:
        return [] if total == 1 else None
    # A merge; of nothing but ones the last one takes what there is.
    place = large[0] if large else len(made) - 1
    return [total if index == place else 1 for index in range(len(made))]


def _map_at_end(total: int, made: Sequence[int], maps: MapSizes) -> list[int] | None:
    """x.view(n, c, h, w), where the network has maps of h x w."""
    sizes = maps.get(tuple(made[-2:]), set())
    if len(sizes) != 1:
        return None
    result = [*made[:-2], *next(iter(sizes))]
    return result if math.prod(result) == total else None


def _rest(
    total: int, before: Sequence[int], after: Sequence[int], made: Sequence[int]
) -> list[int] | None:
    """x.view(n, groups, -1): channels that do not change are taken apart, the rest is merged."""
    pairs = list(zip(before, after, strict=True))
    leading = math.prod(old for old, _ in takewhile(_is_same, pairs))
    trailing = math.prod(old for old, _ in takewhile(_is_same, reversed(pairs)))
    first, last = math.prod(made[1:]), math.prod(made[:-1])
    if leading % last == 0:
        return [*made[:-1], total // last]
    return [total // first, *made[1:]] if trailing % first == 0 else None


def _is_same(pair: tuple[int, int]) -> bool:
    return pair[0] == pair[1]


def _blocks(before: Sequence[int], after: Sequence[int], made: Sequence[int]) -> list[int] | None:
    """x.view(n, c, h // 4, 4, w // 4, 4): of two factors of a side the smaller one is a block."""
    if len(before) != 1 or len(made) != 2 or made[0] == made[1]:
        return None
    block = min(made)
    if after[0] % block:
        return None
    return [after[0] // block if size != block else block for size in made]
