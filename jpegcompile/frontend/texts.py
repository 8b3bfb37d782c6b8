"""Convert the strings of a model to UTF-8, which protobuf and Python require.

Some tools write names in other encodings, and ONNX Runtime accepts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as ProtoMessage

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.messages import Message

# The string fields of a tensor. Listing all its fields would copy its values.
_OF_TENSORS = ("name", "doc_string")


def spell_in_utf8(model: onnx.ModelProto, source: str) -> None:
    """Escape bytes that are not UTF-8 in all strings of a model, in place.

    Args:
        model: the model.
        source: name of the model in messages.

    Raises:
        UnsupportedModelError: if the name of an input or output is not UTF-8. Callers use these
            names, so they must not change.
    """
    for value in (*model.graph.input, *model.graph.output):
        if isinstance(value.name, bytes):
            raise UnsupportedModelError(
                Message(
                    "name-not-utf8",
                    f"{source}: the name of input or output {_escaped(value.name)!r} is not UTF-8;"
                    " export the model with a UTF-8 name",
                )
            )
    for message in _messages(model):
        for field, value in _fields(message):
            if field.type == FieldDescriptor.TYPE_STRING:
                _spell(message, field.name, value)


def _messages(message: ProtoMessage) -> Iterator[ProtoMessage]:
    yield message
    for field, value in _fields(message):
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in value if field.is_repeated else [value]:
                yield from _messages(inner)


def _fields(message: ProtoMessage) -> list[tuple[FieldDescriptor, Any]]:
    if isinstance(message, onnx.TensorProto):
        fields = message.DESCRIPTOR.fields_by_name
        return [(fields[name], getattr(message, name)) for name in _OF_TENSORS]
    return list(message.ListFields())


def _spell(message: ProtoMessage, field: str, value: Any) -> None:
    if isinstance(value, bytes):
        setattr(message, field, _escaped(value))
    elif not isinstance(value, str) and any(isinstance(entry, bytes) for entry in value):
        spelled = [_escaped(e) if isinstance(e, bytes) else e for e in value]
        repeated = getattr(message, field)
        del repeated[:]
        repeated.extend(spelled)


def _escaped(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
