"""JSON schemas (draft 2020-12) of records, made from their type hints."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from jpegcompile.results.record import field_hints

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}

Schema = dict[str, Any]


def document_schema(root: type, title: str) -> Schema:
    """Return the schema of a document whose top level is one record.

    Args:
        root: a dataclass or a TypedDict.
        title: of the schema.
    """
    definitions: dict[str, Schema] = {}
    top = _of(root, definitions)
    return {"$schema": DRAFT, "title": title, **top, "$defs": dict(sorted(definitions.items()))}


def _of(hint: Any, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of a type; records go into `definitions`."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        # Numbers that may be infinite (`Unbounded`) are null then.
        return {"type": ["number", "null"]}
    if origin in (Union, types.UnionType):
        return _of_union([_of(part, definitions) for part in parts])
    if origin is Literal:
        return {"enum": list(parts)}
    if origin is tuple:
        return _of_tuple(parts, definitions)
    if origin is list:
        return {"type": "array", "items": _of(parts[0], definitions)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of(parts[1], definitions)}
    if hint is Any:
        return {}
    if is_typeddict(hint) or is_dataclass(hint):
        if hint.__name__ not in definitions:
            # The name is taken first: a record may contain itself.
            definitions[hint.__name__] = {}
            definitions[hint.__name__] = _of_record(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return {"type": _PLAIN[hint]}


def _of_union(choices: list[Schema]) -> Schema:
    if all(list(choice) == ["type"] for choice in choices):
        names = [c["type"] if isinstance(c["type"], list) else [c["type"]] for c in choices]
        return {"type": list(dict.fromkeys(name for listed in names for name in listed))}
    return {"anyOf": choices}


def _of_tuple(parts: tuple[Any, ...], definitions: dict[str, Schema]) -> Schema:
    if len(parts) == 2 and parts[1] is Ellipsis:
        return {"type": "array", "items": _of(parts[0], definitions)}
    return {
        "type": "array",
        "prefixItems": [_of(part, definitions) for part in parts],
        "minItems": len(parts),
        "maxItems": len(parts),
    }


def _of_record(cls: Any, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of a dataclass or TypedDict: it has these keys, and no others."""
    if is_typeddict(cls):
        hints = get_type_hints(cls, include_extras=True)
        optional = [name for name, hint in hints.items() if get_origin(hint) is NotRequired]
        hints = {n: get_args(h)[0] if n in optional else h for n, h in hints.items()}
    else:
        optional, hints = [], dict(field_hints(cls))
        for name in getattr(cls, "computed", ()):
            getter = getattr(cls, name).fget
            hints[name] = get_type_hints(getter, include_extras=True)["return"]
    properties = {name: _of(hint, definitions) for name, hint in hints.items()}
    kind = getattr(cls, "kind", "")
    if kind:
        properties = {"kind": {"const": kind}, **properties}
    summary = (cls.__doc__ or "").strip().split("\n")[0]
    return {
        "description": summary,
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
