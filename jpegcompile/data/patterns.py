"""Names of shards with braces, as WebDataset and shells write them: `train-{000..009}.tar`."""

from __future__ import annotations

import re

from jpegcompile.errors import UsageError

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
# Beyond lies a slip of the hand.
_MOST = 1_000_000


def expanded(pattern: str) -> list[str]:
    """The names that a pattern stands for, in order.

    `{000..009}` are whole numbers, padded with zeros to the width of the first; `{a,b}` are
    alternatives. Several braces give all combinations, the last one running fastest.

    Raises:
        UsageError: if a range runs backwards, or there are too many names.
    """
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], expanded(pattern[found.end() :])
    choices = _choices(found[1], pattern)
    if len(choices) * len(after) > _MOST:
        raise UsageError(f"{pattern}: stands for more than {_MOST} names; give fewer")
    return [f"{before}{choice}{rest}" for choice in choices for rest in after]


def _choices(text: str, pattern: str) -> list[str]:
    numbers = _RANGE.fullmatch(text)
    if numbers is None:
        return text.split(",")
    first, last = int(numbers[1]), int(numbers[2])
    if not first <= last < first + _MOST:
        raise UsageError(
            f"{pattern}: '{{{text}}}' is no range that rises by at most {_MOST}; give the lower"
            " number first"
        )
    return [f"{number:0{len(numbers[1])}}" for number in range(first, last + 1)]
