"""Descriptions of preprocessing: the names of presets, and JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jpegcompile.errors import UsageError
from jpegcompile.files import parse_json, read_json
from jpegcompile.preprocessing.geometry import GEOMETRY_FIELDS, geometry_of
from jpegcompile.preprocessing.preprocess import Preprocess, checked_fields
from jpegcompile.preprocessing.presets import PRESETS

_NUMBERS = {"scale", "mean", "std", "color", "decoder"}
_FIELDS = _NUMBERS | GEOMETRY_FIELDS | {"preset"}


def preprocess_of(spec: str | os.PathLike[str] | Mapping[str, Any] | Preprocess) -> Preprocess:
    """Preprocessing from a preset's name, a JSON file or text, a mapping, or itself.

    Raises:
        UsageError: if the name is unknown or a field is missing, unknown or out of range.
        AccessError: if the file cannot be read.
    """
    if isinstance(spec, Preprocess):
        return spec
    if isinstance(spec, Mapping):
        return _from_mapping(spec, "preprocessing")
    if isinstance(spec, str) and spec in PRESETS:
        return PRESETS[spec]
    if not isinstance(spec, str | os.PathLike):
        raise UsageError(f"preprocessing is a name, a path or a mapping, not {type(spec).__name__}")
    if isinstance(spec, str) and spec.lstrip().startswith("{"):
        return _from_json(parse_json(spec, "preprocessing"), "preprocessing")
    path = Path(spec)
    if not path.exists() and path.suffix != ".json":
        raise UsageError(
            f"unknown preprocessing '{spec}'; use one of {', '.join(PRESETS)} or a JSON file"
        )
    return _from_json(read_json(path, "preprocessing"), str(path))


def _from_json(data: Any, where: str) -> Preprocess:
    if not isinstance(data, dict):
        raise UsageError(f"{where}: preprocessing is a JSON object with scale, mean, std, color")
    return _from_mapping(data, where)


def _from_mapping(data: Mapping[str, Any], where: str) -> Preprocess:
    unknown = sorted(map(str, set(data) - _FIELDS))
    if unknown:
        raise UsageError(
            f"{where}: unknown field '{unknown[0]}'; known are {', '.join(sorted(_FIELDS))}"
        )
    base = data.get("preset", "none")
    if base not in PRESETS:
        raise UsageError(f"{where}: preset is '{base}'; use one of {', '.join(PRESETS)}")
    try:
        geometry = geometry_of(data, PRESETS[base].geometry)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    given = {name: value for name, value in data.items() if name in _NUMBERS}
    numbers = checked_fields({**vars(PRESETS[base]), **given}, where)
    return Preprocess(**numbers, geometry=geometry)
