"""What the checker and the shape inference of onnx complain of, in one short line."""

from __future__ import annotations

import re

from jpegcompile.errors import one_line

# More is not read.
_LONGEST = 200
_NODE = re.compile(r"\(op_type:(\w*), node name: (.*?)\): ")


def complaint(error: Exception) -> str:
    """The first complaint of an error; those that follow are of what depends on the first.

    Nodes are called as everywhere else.
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
