"""Heights and widths that the user gives: of an image input that leaves them open, or another."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jpegcompile.errors import UnsupportedModelError, UsageError

InputSize = str | Sequence[int]
Size = tuple[int, int]

# Of an axis of a JPEG file: ITU-T T.81, B.2.2.
_LARGEST = 65535


def input_size_of(given: InputSize | None, option: str = "--input-size") -> Size | None:
    """Height and width, from `"224x224"` or `(224, 224)`; `option` is for the message.

    Raises:
        UsageError: if that is no size.
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
            f"{option} is '{given}'; give HEIGHTxWIDTH in pixels, such as 224x224,"
            f" each from 1 to {_LARGEST}"
        )
    return sides[0], sides[1]


def size_text(size: Sequence[object]) -> str:
    """How messages spell a size: height first; ? where it is open."""
    return "x".join(str(side) if isinstance(side, int) else "?" for side in size)


def sized(where: str, declared: Sequence[object], given: Size | None) -> Size:
    """Height and width of an image input.

    Args:
        where: how messages name the input.
        declared: height and width of the model; what is no positive integer is open.
        given: by the user; None if he leaves it to the model.

    Raises:
        UnsupportedModelError: if the size is open and none is given.
        UsageError: if the model fixes another size than the one that is given.
    """
    fixed = [side if isinstance(side, int) and side > 0 else None for side in declared]
    if given is None:
        if fixed[0] is None or fixed[1] is None:
            raise UnsupportedModelError(
                f"{where} leaves its height or width open ({size_text(fixed)});"
                " give them with --input-size HEIGHTxWIDTH"
            )
        return fixed[0], fixed[1]
    if any(side not in (None, wanted) for side, wanted in zip(fixed, given, strict=True)):
        raise UsageError(
            f"{where} is fixed to {size_text(fixed)} but --input-size is {size_text(given)};"
            " leave the option out, or export the model for that size"
        )
    return given
