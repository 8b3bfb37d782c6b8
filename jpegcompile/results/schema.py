"""JSON schemas (draft 2020-12) of records, derived from their type hints."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import (
    Annotated,
    Any,
    Literal,
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


@dataclass(frozen=True)
class Form:
    """Differences between the JSON form of a record and its fields.

    Attributes:
        keys: types of additional keys, and of fields that have another type in JSON.
        omitted: fields without a key.
        kind: value of the key "kind"; empty for a record without the key.
    """

    keys: Mapping[str, Any]
    omitted: tuple[str, ...] = ()
    kind: str = ""


def document_schema(root: type, title: str, forms: Mapping[type, Form]) -> Schema:
    """Return the schema of a document whose top level is one record.

    Args:
        root: a dataclass or a TypedDict.
        title: title of the schema.
        forms: forms of records that do not use `Record.to_json`.
    """
    writer = _Writer(forms)
    top = writer.of(root)
    definitions = dict(sorted(writer.definitions.items()))
    return {"$schema": DRAFT, "title": title, **top, "$defs": definitions}


class _Writer:
    """Writes the schemas of types.

    Attributes:
        definitions: schemas of the records so far, by name.
    """

    def __init__(self, forms: Mapping[type, Form]) -> None:
        self.definitions: dict[str, Schema] = {}
        self._forms = forms

    def of(self, hint: Any) -> Schema:
        """Return the schema of a type; records go into the definitions."""
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Annotated:
            # Infinite numbers (`Unbounded`) are null in JSON.
            return {"type": ["number", "null"]}
        if origin in (Union, types.UnionType):
            return _of_union([self.of(part) for part in parts])
        if origin is Literal:
            return {"enum": list(parts)}
        if origin is tuple:
            return self._of_tuple(parts)
        if origin is not None and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(parts[1])}
        if origin is not None and issubclass(origin, Sequence):
            return {"type": "array", "items": self.of(parts[0])}
        if hint is Any:
            return {}
        if is_typeddict(hint) or is_dataclass(hint):
            name = hint.__name__
            if name not in self.definitions:
                # Reserve the name first, because a record may contain itself.
                self.definitions[name] = {}
                self.definitions[name] = self._of_record(hint)
            return {"$ref": f"#/$defs/{name}"}
        return {"type": _PLAIN[hint]}

    def _of_tuple(self, parts: tuple[Any, ...]) -> Schema:
        if len(parts) == 2 and parts[1] is Ellipsis:
            return {"type": "array", "items": self.of(parts[0])}
        return {
            "type": "array",
            "prefixItems": [self.of(part) for part in parts],
            "minItems": len(parts),
            "maxItems": len(parts),
        }

    def _of_record(self, cls: Any) -> Schema:
        """Return the schema of a dataclass or TypedDict, which allows no other keys."""
        form = self._forms.get(cls, Form({}, kind=getattr(cls, "kind", "")))
        if is_typeddict(cls):
            hints = get_type_hints(cls, include_extras=True)
        else:
            hints = {**field_hints(cls), **_computed(cls), **form.keys}
        hints = {name: hint for name, hint in hints.items() if name not in form.omitted}
        properties = {name: self.of(hint) for name, hint in hints.items()}
        if form.kind:
            properties = {"kind": {"const": form.kind}, **properties}
        return {
            "description": (cls.__doc__ or "").strip().split("\n")[0],
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }


def _computed(cls: Any) -> dict[str, Any]:
    """Return the types of the properties that the JSON form of a record contains."""
    getters = {name: getattr(cls, name).fget for name in getattr(cls, "computed", ())}
    return {n: get_type_hints(g, include_extras=True)["return"] for n, g in getters.items()}


def _of_union(choices: list[Schema]) -> Schema:
    if all(list(choice) == ["type"] for choice in choices):
        names = [c["type"] if isinstance(c["type"], list) else [c["type"]] for c in choices]
        return {"type": list(dict.fromkeys(name for listed in names for name in listed))}
    return {"anyOf": choices}
