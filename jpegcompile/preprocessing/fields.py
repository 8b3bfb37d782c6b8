"""Geometry's fields as JSON: read with all checks of types, and written.

Messages begin with the path of a field within its file, such as `resize.size`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.steps import (
    HAVE_CHOICE,
    Corner,
    Crop,
    Filter,
    Resize,
    Size,
    no_choice,
)

RESIZE_FIELDS = (
    "fit",
    "size",
    "crop_ratio",
    "filter",
    "library",
    "antialias",
    "scaled_decoding",
)
CROP_FIELDS = ("position", "rounding", "size")


def require_known(data: Mapping[str, Any], known: Iterable[str], where: str = "") -> None:
    """Refuse fields of other names.

    Args:
        data: an object of JSON.
        known: its fields.
        where: path of the object, empty for the whole.

    Raises:
        UsageError: naming the first one.
    """
    unknown = sorted(map(str, set(data) - set(known)))
    if unknown:
        path = f"{where}.{unknown[0]}" if where else unknown[0]
        raise UsageError(f"unknown field '{path}'; known are {', '.join(sorted(known))}")


def resize_of(data: Any) -> Resize:
    """A resize of its JSON form, or of its size alone.

    Raises:
        UsageError: naming the field that is unknown, of another type or out of range.
    """
    given = dict(data) if isinstance(data, Mapping) else {"size": data}
    require_known(given, RESIZE_FIELDS, "resize")
    library = _text(given.get("library", "pillow"), "resize.library")
    if "antialias" in given and library not in HAVE_CHOICE:
        raise UsageError(no_choice(library))
    size = _size_or_side(given.get("size"), "resize.size")
    chosen = Filter(
        cast(Any, _text(given.get("filter", "bilinear"), "resize.filter")),
        cast(Any, library),
        boolean(given.get("antialias", True), "resize.antialias"),
    )
    fit = _text(given.get("fit", "exact" if isinstance(size, tuple) else "short"), "resize.fit")
    ratio = number(given.get("crop_ratio", 1.0), "resize.crop_ratio")
    is_scaled = boolean(given.get("scaled_decoding", False), "resize.scaled_decoding")
    return Resize(cast(Any, fit), size, ratio, chosen, is_scaled)


def resize_json(resize: Resize) -> dict[str, Any]:
    """JSON-ready data that `resize_of` reads back."""
    chosen = resize.filter
    data: dict[str, Any] = {"fit": resize.fit, "filter": chosen.name, "library": chosen.library}
    if isinstance(resize.size, tuple):
        data["size"] = list(resize.size)
    elif resize.size is not None:
        data["size"] = resize.size
    if resize.crop_ratio != 1:
        data["crop_ratio"] = resize.crop_ratio
    if chosen.library in HAVE_CHOICE:
        data["antialias"] = chosen.antialias
    if resize.scaled_decoding:
        data["scaled_decoding"] = True
    return data


def crop_of(data: Any) -> Crop:
    """A crop of its JSON form, or of the position alone.

    Raises:
        UsageError: as `resize_of`.
    """
    given = dict(data) if isinstance(data, Mapping) else {"position": data}
    require_known(given, CROP_FIELDS, "crop")
    position = given.get("position", "center")
    if not isinstance(position, str):
        position = _pair(position, "crop.position", "its name, or [top, left] in pixels")
    size = _size_or_side(given.get("size"), "crop.size")
    if isinstance(size, int):
        size = (size, size)
    rounding = _text(given.get("rounding", "even"), "crop.rounding")
    return Crop(cast("Corner | Size", position), cast(Any, rounding), size)


def crop_json(crop: Crop) -> dict[str, Any]:
    """JSON-ready data that `crop_of` reads back."""
    position = crop.position
    data: dict[str, Any] = {"position": position if isinstance(position, str) else list(position)}
    data["rounding"] = crop.rounding
    if crop.size is not None:
        data["size"] = list(crop.size)
    return data


def fill_of(data: Any) -> tuple[float, ...]:
    """A fill of its JSON form, one number or a list of them.

    Raises:
        UsageError: if it is something else.
    """
    values = data if isinstance(data, list | tuple) else [data]
    if not values:
        raise UsageError("fill is empty; give a number from 0 to 255, or one for each channel")
    fill = tuple(number(value, "fill") for value in values)
    if not all(0 <= value <= 255 for value in fill):
        raise UsageError(f"fill is {data!r}; give numbers from 0 to 255")
    return fill


def boolean(value: Any, path: str) -> bool:
    """A field that is true or false.

    Raises:
        UsageError: if it is something else.
    """
    if not isinstance(value, bool):
        raise UsageError(f"{path} is {value!r}; use true or false")
    return value


def number(value: Any, path: str) -> float:
    """A field that is one finite number.

    Raises:
        UsageError: if it is something else.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(_as_float(value)):
        raise UsageError(f"{path} is {value!r}; give a finite number")
    return float(value)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{path} is {value!r}; give its name as text")
    return value


def _size_or_side(value: Any, path: str) -> int | Size | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return _pair(value, path, "pixels, [height, width], or leave it out for the network's size")


def _pair(value: Any, path: str, wanted: str) -> Size:
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    if not is_pair or any(isinstance(v, bool) or not isinstance(v, int) for v in value):
        raise UsageError(f"{path} is {value!r}; give {wanted}")
    return value[0], value[1]
