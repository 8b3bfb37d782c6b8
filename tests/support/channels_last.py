"""Small graphs with a channels-last map in them, for the rules that turn it to NCHW.

Every graph has a map `h` [N,8,4,6] behind a transpose to channels-last, of `p` [N,6,8,4].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from support.graphs import Graph, Weights, check_compiled, check_pass

NAME = "channels-first"
LAST, FIRST = "Transpose<perm = [0, 2, 3, 1]>", "Transpose<perm = [0, 3, 1, 2]>"
HEAD = f"(T[N,6,8,4] x) => (T[] y) {{ p = LeakyRelu<alpha = 0.5>(x)  h = {LAST}(p)"
# A squeeze-excite gate of `h` by its weights `w`: vectors [N,6].
GATE = "s = ReduceMean<axes = [1, 2], keepdims = 0>(h)  d = MatMul(s, w)  g = Sigmoid(d)"


def integers(*values: int) -> NDArray[np.int64]:
    return np.asarray(values, np.int64)


def positive_numbers(shape: tuple[int, ...]) -> NDArray[Any]:
    return np.asarray(np.random.default_rng(1).uniform(0.1, 0.4, shape))


def on_map(body: str, weights: Weights | None = None, opset: int = 17) -> Graph:
    """A graph whose nodes read `h` and make `y`."""
    return Graph(f"{HEAD}  {body} }}", weights or {}, opset)


def check(graph: Graph, outline: str) -> None:
    """The pass makes `outline` of what follows `p`, and the compiled graph has the same values."""
    check_pass(graph, NAME, f"LeakyRelu {outline}".strip())
    check_compiled(graph)
