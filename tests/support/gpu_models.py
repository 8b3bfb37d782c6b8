"""A small model for `--target triton`, which Triton's interpreter runs in moments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.graphs import Graph

import jpegcompile

# Two equal convolutions, one in groups, and a pool.
SMALL = Graph(
    "(T[N,3,4,4] x) => (T[] y) {"
    " a = Conv(x, first)"
    " b = Relu(a)"
    " c = Conv(b, second)"
    " d = Relu(c)"
    " e = Conv(d, third)"
    " f = Relu(e)"
    " g = Conv<group=2, pads=[1,1,1,1]>(f, grouped)"
    " h = GlobalAveragePool(g)"
    " y = Flatten(h)"
    "}",
    {"first": (8, 3, 1, 1), "second": (8, 8, 1, 1), "third": (8, 8, 1, 1), "grouped": (8, 4, 3, 3)},
)


def small_folder(path: Path, *, batch: str = "N") -> Path:
    """The folder of `SMALL` at `path`; it takes the image as a tensor, of any batch or of one."""
    graph = replace(SMALL, text=SMALL.text.replace("N,", f"{batch},"))
    compiled = jpegcompile.compile(graph.model("float"), input="tensor", target="triton")
    compiled.save(path)
    return path
