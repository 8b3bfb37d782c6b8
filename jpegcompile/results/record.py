"""Records that are written to JSON and read back.

`Record` adds `to_json` and `from_json` to a frozen dataclass. Both methods, and the JSON schema of
the record (`schema.py`), follow the type hints. JSON has no infinite numbers and no NaN. These
numbers are printed as null, and fields that may contain them are declared `Unbounded`.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin
from typing import get_type_hints as hints_of

INFINITE = "may be infinite"
# Integers are at most as large in 64 bits.
_MOST = 2**63
# A number that is null in JSON if it is infinite or NaN.
Unbounded = Annotated[float, INFINITE]


class Record:
    """Mixin that adds a JSON form to a frozen dataclass.

    Attributes:
        kind: value of the key "kind" in the JSON form; empty for records without this key.
        computed: names of properties that the JSON form contains in addition to the fields.
    """

    kind: ClassVar[str] = ""
    computed: ClassVar[tuple[str, ...]] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data, except that infinite numbers and NaN stay."""
        return encoded_fields(self)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` returned.

        Raises:
            ValueError: if the data has another form.
        """
        found = decoded(cls, data, cls.__name__)
        assert isinstance(found, cls)
        return found


def encoded_fields(record: Any) -> dict[str, Any]:
    """Return the fields and the `computed` properties of a dataclass as JSON-ready data."""
    kind = getattr(type(record), "kind", "")
    names = [field.name for field in fields(record)]
    names += getattr(type(record), "computed", ())
    data = {name: encoded(getattr(record, name)) for name in names}
    return {"kind": kind, **data} if kind else data


def encoded(value: Any) -> Any:
    """Return a value of a field as JSON-ready data."""
    if is_dataclass(value) and not isinstance(value, type):
        own = getattr(value, "to_json", None)
        return encoded_fields(value) if own is None else own()
    if isinstance(value, Mapping):
        return {str(key): encoded(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [encoded(one) for one in value]
    return str(value) if isinstance(value, Path) else value


@cache
def field_hints(cls: type) -> dict[str, Any]:
    """Return the resolved type of every field of a dataclass."""
    hints = hints_of(cls, include_extras=True)
    return {field.name: hints[field.name] for field in fields(cls)}


def decoded(hint: Any, data: Any, where: str) -> Any:
    """Read a value of the type `hint` from JSON data.

    Args:
        hint: type of a field of a record.
        data: data from `json.loads`.
        where: place in the document, for error messages.

    Raises:
        ValueError: if the data has another form.
    """
    origin = get_origin(hint)
    if origin is Annotated:
        return math.inf if data is None else _decoded_number(data, where, is_bounded=False)
    if origin in (Union, types.UnionType):
        return _decoded_union(get_args(hint), data, where)
    if origin is Literal:
        return _required(data in get_args(hint), data, where)
    if origin is tuple:
        return _decoded_tuple(get_args(hint), data, where)
    if origin is not None and issubclass(origin, Mapping):
        return _decoded_mapping(get_args(hint), data, where)
    if origin is not None and issubclass(origin, Sequence):
        return _decoded_tuple((get_args(hint)[0], Ellipsis), data, where)
    if hint is Any:
        return data
    if hint is type(None):
        return _required(data is None, data, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return _decoded_record(hint, data, where)
    if hint is float:
        return _decoded_number(data, where)
    is_right = isinstance(data, hint) and (hint is not int or not isinstance(data, bool))
    # Longer integers would overflow when divided.
    is_right = is_right and (hint is not int or abs(data) < _MOST)
    return _required(is_right, data, where)


def _decoded_number(data: Any, where: str, *, is_bounded: bool = True) -> float:
    is_number = isinstance(data, int | float) and not isinstance(data, bool)
    is_right = is_number and (abs(data) < _MOST or isinstance(data, float))
    number = float(_required(is_right, data, where))
    return float(_required(math.isfinite(number) or not is_bounded, data, where))


def _decoded_union(choices: Sequence[Any], data: Any, where: str) -> Any:
    if data is None and type(None) in choices:
        return None
    faults = []
    for choice in choices:
        if choice is not type(None):
            try:
                return decoded(choice, data, where)
            except ValueError as error:
                faults.append(error)
    raise faults[0]


def _decoded_tuple(parts: Sequence[Any], data: Any, where: str) -> tuple[Any, ...]:
    values = _required(isinstance(data, list | tuple), data, where)
    if len(parts) == 2 and parts[1] is Ellipsis:
        parts = [parts[0]] * len(values)
    _required(len(parts) == len(values), data, where)
    pairs = enumerate(zip(parts, values, strict=True))
    return tuple(decoded(part, value, f"{where}[{index}]") for index, (part, value) in pairs)


def _decoded_mapping(parts: Sequence[Any], data: Any, where: str) -> dict[Any, Any]:
    key_hint, hint = parts
    values = _required(isinstance(data, Mapping), data, where)
    return {
        key_hint(key): decoded(hint, value, f"{where}['{key}']") for key, value in values.items()
    }


def _decoded_record(cls: type, data: Any, where: str) -> Any:
    _required(isinstance(data, Mapping), data, where)
    kind = getattr(cls, "kind", "")
    if kind:
        _required(data.get("kind") == kind, data.get("kind"), f"{where}.kind")
    values = {}
    hints = field_hints(cls)
    for field in fields(cls):
        if field.name in data:
            place = f"{where}.{field.name}"
            values[field.name] = decoded(hints[field.name], data[field.name], place)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{where} lacks the key '{field.name}'")
    return cls(**values)


def _required(is_right: bool, data: Any, where: str) -> Any:
    """Return `data` if it has the right form, or raise an error."""
    if not is_right:
        raise ValueError(f"{where} is {str(data)[:60]!r}, which is not a value of this key")
    return data
