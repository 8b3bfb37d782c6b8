"""The output shape of a Reshape at another image size.

A Reshape merges or splits dimensions. A merged dimension is the product of the new dimensions. A
changed dimension can be split only if one factor is known. Known factors are the sides of the
network's maps, and numbers of channels and sides of blocks, which do not change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from jpegcompile.frontend.resolution.tensors import Dims

# (height, width) of feature maps of the network -> possible (height, width) at the new size.
MapSizes = Mapping[Dims, set[Dims]]


def shape_at(old: Dims, made: Dims, new: Dims, maps: MapSizes) -> Dims | None:
    """Return the output shape at the new size; None if it cannot be derived.

    Args:
        old: shape of the operand at the old size.
        made: shape of the output at the old size.
        new: shape of the operand at the new size.
        maps: sizes of feature maps at the new size.
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
    """Split both shapes into runs of axes with equal products; nothing for empty tensors."""
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
        # The remaining dimensions are all 1.
        if right == len(made):
            left = len(old)
        elif left == len(old):
            right = len(made)
        yield range(taken, left), range(given, right)


def _sides(
    before: Sequence[int], after: Sequence[int], made: Sequence[int], maps: MapSizes
) -> list[int] | None:
    """Return the new dimensions of one group, whose old output dimensions are `made`."""
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
    # A merge. If all output dimensions are 1, the last one grows.
    place = large[0] if large else len(made) - 1
    return [total if index == place else 1 for index in range(len(made))]


def _map_at_end(total: int, made: Sequence[int], maps: MapSizes) -> list[int] | None:
    """Handle x.view(n, c, h, w), where the network has maps of h x w."""
    sizes = maps.get(tuple(made[-2:]), set())
    if len(sizes) != 1:
        return None
    result = [*made[:-2], *next(iter(sizes))]
    return result if math.prod(result) == total else None


def _rest(
    total: int, before: Sequence[int], after: Sequence[int], made: Sequence[int]
) -> list[int] | None:
    """Handle x.view(n, groups, -1): split unchanged channels and merge the rest."""
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
    """Handle x.view(n, c, h // 4, 4, w // 4, 4): the smaller factor of a side is the block."""
    if len(before) != 1 or len(made) != 2 or made[0] == made[1]:
        return None
    block = min(made)
    if after[0] % block:
        return None
    return [after[0] // block if size != block else block for size in made]
