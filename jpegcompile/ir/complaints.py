"""Error messages of onnx's checker and shape inference, shortened to one line."""

from __future__ import annotations

import re

from jpegcompile.errors import one_line

# Longer messages are cut off.
_LONGEST = 200
_NODE = re.compile(r"\(op_type:(\w*), node name: (.*?)\): ")


def complaint(error: Exception) -> str:
    """Return the first complaint of an error; later ones usually follow from the first.

    Nodes are named in the same way as in other messages: operator and quoted name.
    """
    text = one_line(error)
    for prefix in ("[ShapeInferenceError] ", "[TypeInferenceError] ", "Inference error(s): "):
        text = text.replace(prefix, "")
    text = text.split(" ==> Context:")[0]
    first = _NODE.search(text)
    if first is not None:
        second = _NODE.search(text, first.end())
        text = text[first.start() : None if second is None else second.start()].strip()
        text = _NODE.sub(r"\1 '\2': ", text)
    text = text.rstrip(". ")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
