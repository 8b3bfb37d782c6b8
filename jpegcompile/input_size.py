"""Image sizes that the user gives, such as `--input-size 224x224`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.messages import Message

InputSize = str | Sequence[int]
Size = tuple[int, int]

# The longest side of a JPEG file: ITU-T T.81, B.2.2.
_LARGEST = 65535


def input_size_of(given: InputSize | None, option: str = "--input-size") -> Size | None:
    """Return height and width from `"224x224"` or `(224, 224)`; None for None.

    Args:
        given: the size as the user gives it.
        option: option that the error names.

    Raises:
        UsageError: if `given` is not a size.
    """
    if given is None:
        return None
    size: tuple[object, ...]
    if isinstance(given, str):
        match = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", given)
        size = () if match is None else tuple(map(int, match.groups()))
    else:
        size = tuple(given) if isinstance(given, Sequence) else ()
    sides = [side for side in size if type(side) is int and 1 <= side <= _LARGEST]
    if len(size) != 2 or len(sides) != 2:
        raise UsageError(
            Message(
                "size-unreadable",
                f"{option} is '{given}'; give HEIGHTxWIDTH in pixels, such as 224x224, each from 1"
                f" to {_LARGEST}",
            )
        )
    return sides[0], sides[1]


def size_text(size: Sequence[object]) -> str:
    """Return a size as text for messages: height first, ? for a dynamic dimension."""
    return "x".join(str(side) if isinstance(side, int) else "?" for side in size)


def sized(where: str, declared: Sequence[object], given: Size | None) -> Size:
    """Return height and width of an image input.

    Args:
        where: name of the input in messages.
        declared: height and width in the model. Any value except a positive integer is a dynamic
            dimension.
        given: size from the user; None to use the size of the model.

    Raises:
        UnsupportedModelError: if a dimension is dynamic and `given` is None.
        UsageError: if the model has another fixed size than `given`.
    """
    fixed = [side if isinstance(side, int) and side > 0 else None for side in declared]
    if given is None:
        if fixed[0] is None or fixed[1] is None:
            raise UnsupportedModelError(
                Message(
                    "image-size-dynamic",
                    f"{where} has a dynamic height or width ({size_text(fixed)}); set the size with"
                    " --input-size HEIGHTxWIDTH",
                )
            )
        return fixed[0], fixed[1]
    if any(side not in (None, wanted) for side, wanted in zip(fixed, given, strict=True)):
        raise UsageError(
            Message(
                "image-size-fixed",
                f"{where} has the fixed size {size_text(fixed)}, but --input-size is"
                f" {size_text(given)}; leave the option out, or export the model for that size",
            )
        )
    return given
