"""Read and write a geometry as JSON.

Reading checks all types. Messages begin with the path of a field, such as `resize.size`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, cast

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.preprocessing.geometry import Geometry
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
GEOMETRY_FIELDS = frozenset(field.name for field in fields(Geometry))


def require_known(data: Mapping[str, Any], known: Iterable[str], where: str = "") -> None:
    """Raise an error if an object has unknown fields.

    Args:
        data: a JSON object.
        known: names of the known fields.
        where: path of the object; empty for the whole document.

    Raises:
        UsageError: if a field is unknown; the message names the first one.
    """
    unknown = sorted(map(str, set(data) - set(known)))
    if unknown:
        path = f"{where}.{unknown[0]}" if where else unknown[0]
        raise UsageError(
            Message(
                "preprocess-field-unknown",
                f"unknown field '{path}'; use {', '.join(sorted(known))}",
            )
        )


def resize_of(data: Any) -> Resize:
    """Read a resize.

    Args:
        data: a JSON object, or the size alone.

    Raises:
        UsageError: if a field is unknown, has the wrong type or is out of range.
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
    """Return JSON-ready data for `resize_of`."""
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
    """Read a crop.

    Args:
        data: a JSON object, or the position alone.

    Raises:
        UsageError: as `resize_of`.
    """
    given = dict(data) if isinstance(data, Mapping) else {"position": data}
    require_known(given, CROP_FIELDS, "crop")
    position = given.get("position", "center")
    if not isinstance(position, str):
        position = _pair(position, "crop.position", "a name, or [top, left] in pixels")
    size = _size_or_side(given.get("size"), "crop.size")
    if isinstance(size, int):
        size = (size, size)
    rounding = _text(given.get("rounding", "even"), "crop.rounding")
    return Crop(cast("Corner | Size", position), cast(Any, rounding), size)


def crop_json(crop: Crop) -> dict[str, Any]:
    """Return JSON-ready data for `crop_of`."""
    position = crop.position
    data: dict[str, Any] = {"position": position if isinstance(position, str) else list(position)}
    data["rounding"] = crop.rounding
    if crop.size is not None:
        data["size"] = list(crop.size)
    return data


def fill_of(data: Any) -> tuple[float, ...]:
    """Read a fill.

    Args:
        data: one number, or a list of numbers.

    Raises:
        UsageError: if `data` is something else, or a number is not from 0 to 255.
    """
    values = data if isinstance(data, list | tuple) else [data]
    if not values:
        raise UsageError(
            Message("fill-empty", "fill is empty; give a number from 0 to 255, or one per channel")
        )
    fill = tuple(number(value, "fill") for value in values)
    if not all(0 <= value <= 255 for value in fill):
        raise UsageError(
            Message("fill-out-of-range", f"fill is {data!r}; give numbers from 0 to 255")
        )
    return fill


def boolean(value: Any, path: str) -> bool:
    """Return a field that must be true or false.

    Args:
        value: value of the field.
        path: path of the field, for messages.

    Raises:
        UsageError: if the value is something else.
    """
    if not isinstance(value, bool):
        raise UsageError(
            Message("preprocess-field-not-boolean", f"{path} is {value!r}; use true or false")
        )
    return value


def number(value: Any, path: str) -> float:
    """Return a field that must be one finite number.

    Args:
        value: value of the field.
        path: path of the field, for messages.

    Raises:
        UsageError: if the value is something else.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(_as_float(value)):
        raise UsageError(
            Message("preprocess-field-not-a-number", f"{path} is {value!r}; give a finite number")
        )
    return float(value)


def crop_pct(value: Any, path: str) -> float:
    """Return a crop ratio as timm and transformers write it.

    Args:
        value: value of the field.
        path: path of the field, for messages.

    Raises:
        UsageError: if the value is not a number greater than 0 and at most 1.
    """
    ratio = number(value, path)
    if not 0 < ratio <= 1:
        raise UsageError(
            Message(
                "crop-pct-out-of-range",
                f"{path} is {ratio}; give a number greater than 0 and at most 1",
            )
        )
    return ratio


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise UsageError(
            Message("preprocess-field-not-text", f"{path} is {value!r}; give a name as text")
        )
    return value


def _size_or_side(value: Any, path: str) -> int | Size | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return _pair(value, path, "pixels, [height, width], or leave it out for the network's size")


def _pair(value: Any, path: str, wanted: str) -> Size:
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    if not is_pair or any(isinstance(v, bool) or not isinstance(v, int) for v in value):
        raise UsageError(
            Message("preprocess-field-not-a-pair", f"{path} is {value!r}; give {wanted}")
        )
    return value[0], value[1]


def geometry_json(geometry: Geometry) -> dict[str, Any]:
    """Return JSON-ready data for `geometry_of`, without fields that have their defaults."""
    data: dict[str, Any] = {}
    if geometry.resize is not None:
        data["resize"] = resize_json(geometry.resize)
    if geometry.crop is not None:
        data["crop"] = crop_json(geometry.crop)
    default = Geometry()
    for name in ("orientation", "mirror", "flip", "views"):
        if getattr(geometry, name) != getattr(default, name):
            data[name] = getattr(geometry, name)
    if geometry.fill != default.fill:
        data["fill"] = list(geometry.fill)
    return data


def geometry_of(data: Mapping[str, Any], base: Geometry | None = None) -> Geometry:
    """Read a geometry.

    Args:
        data: fields as `geometry_json` returns them. "resize" may be the size alone, "crop" the
            position alone, and "fill" one number. Fields of other names are ignored.
        base: geometry with the values of missing fields. Default: `Geometry()`.

    Raises:
        UsageError: if a field has the wrong type or is out of range.
    """
    given = {name: data[name] for name in GEOMETRY_FIELDS if name in data}
    for name, make in (("resize", resize_of), ("crop", crop_of)):
        if given.get(name) is not None:
            given[name] = make(given[name])
    if "fill" in given:
        given["fill"] = fill_of(given["fill"])
    for name in ("orientation", "mirror", "flip"):
        if name in given:
            given[name] = boolean(given[name], name)
    return replace(base or Geometry(), **given)
