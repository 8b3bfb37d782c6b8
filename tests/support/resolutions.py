"""Graphs at one size, to be rewritten for another size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from support.graphs import Graph

from jpegcompile.frontend.load import load_source
from jpegcompile.frontend.resolution.change import Resized, at_resolution
from jpegcompile.input_size import Size
from jpegcompile.options.fitted import image_of


def resized(model: Path | onnx.ModelProto, size: Size, image: str | None = None) -> Resized:
    source = load_source(model, image)
    return at_resolution(source, image_of(source, image), size)


# Networks at 16x16, and their rewritten forms at 24x24, written by hand.
CONV = "h = Conv <pads = [1,1,1,1]> (x, w)"
TO_16 = f"(T[N,3,16,16] x) => (T[N,o] y) {{ {CONV} "
TO_24 = f"(T[N,3,24,24] x) => (T[N,o] y) {{ {CONV} "
TO_MAPS_16 = f"(T[N,3,16,16] x) => (T[N,c,h,w] y) {{ {CONV} "
TO_MAPS_24 = f"(T[N,3,24,24] x) => (T[N,c,h,w] y) {{ {CONV} "
W: Mapping[str, Any] = {"w": (4, 3, 3, 3)}


def built(text: str, weights: Mapping[str, Any]) -> onnx.ModelProto:
    used = {name: value for name, value in weights.items() if re.search(rf"\b{name}\b", text)}
    return Graph(text, {**W, **used}, opset=17).model("float")
