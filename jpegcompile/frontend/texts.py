"""Names and texts of a model in UTF-8, as protobuf and Python want them.

Tools of other languages write their own encodings into names, and ONNX Runtime does not look.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from jpegcompile.errors import UnsupportedModelError

# Fields of a tensor that are texts. To list all of its fields would copy its values.
_OF_TENSORS = ("name", "doc_string")


def spell_in_utf8(model: onnx.ModelProto, source: str) -> None:
    """Replace bytes that are no UTF-8 by escaped ones, the same in all places.

    Raises:
        UnsupportedModelError: if an input or output has such a name, which must stay.
    """
    for value in (*model.graph.input, *model.graph.output):
        if isinstance(value.name, bytes):
            raise UnsupportedModelError(
                f"{source}: the name of input or output {_escaped(value.name)!r} is not UTF-8;"
                " export the model with a name that is"
            )
    for message in _messages(model):
        for field, value in _fields(message):
            if field.type == FieldDescriptor.TYPE_STRING:
                _spell(message, field.name, value)


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in _fields(message):
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in value if field.is_repeated else [value]:
                yield from _messages(inner)


def _fields(message: Message) -> list[tuple[FieldDescriptor, Any]]:
    if isinstance(message, onnx.TensorProto):
        fields = message.DESCRIPTOR.fields_by_name
        return [(fields[name], getattr(message, name)) for name in _OF_TENSORS]
    return list(message.ListFields())


def _spell(message: Message, field: str, value: Any) -> None:
    if isinstance(value, bytes):
        setattr(message, field, _escaped(value))
    elif not isinstance(value, str) and any(isinstance(entry, bytes) for entry in value):
        spelled = [_escaped(e) if isinstance(e, bytes) else e for e in value]
        repeated = getattr(message, field)
        del repeated[:]
        repeated.extend(spelled)


def _escaped(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
