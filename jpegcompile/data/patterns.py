"""Expand names of shards with braces, as in WebDataset and shells: `train-{000..009}.tar`."""

from __future__ import annotations

import re

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
# More names are probably a typing error.
_MOST = 1_000_000


def expanded(pattern: str) -> list[str]:
    """Expand a pattern and return the names in order.

    `{000..009}` is a range of whole numbers, padded with zeros to the width of the first number.
    `{a,b}` is a list of alternatives. Several braces give all combinations; the last brace varies
    fastest.

    Args:
        pattern: a name with or without braces.

    Raises:
        UsageError: if a range descends, or there are too many names.
    """
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], expanded(pattern[found.end() :])
    choices = _choices(found[1], pattern)
    if len(choices) * len(after) > _MOST:
        raise UsageError(
            Message(
                "shard-pattern-too-large",
                f"{pattern}: stands for more than {_MOST} names; give fewer",
            )
        )
    return [f"{before}{choice}{rest}" for choice in choices for rest in after]


def _choices(text: str, pattern: str) -> list[str]:
    numbers = _RANGE.fullmatch(text)
    if numbers is None:
        return text.split(",")
    first, last = int(numbers[1]), int(numbers[2])
    if not first <= last < first + _MOST:
        raise UsageError(
            Message(
                "shard-pattern-range",
                f"{pattern}: '{{{text}}}' is not an ascending range of at most {_MOST} numbers;"
                " give the lower number first",
            )
        )
    return [f"{number:0{len(numbers[1])}}" for number in range(first, last + 1)]
