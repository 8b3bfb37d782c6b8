"""Graphs whose outputs depend on equal values, and images with many equal values.

Other values are far from discontinuities, so positions that differ are missed ties.
"""

from __future__ import annotations

import re
from dataclasses import replace
from unittest import mock

import numpy as np
import onnx
from numpy.typing import NDArray
from support.graphs import TENSOR, Array, Feeds, Graph, Weights, lowered, run_float32

from jpegcompile.backends.emit import emit
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import DomainChoice, Module
from jpegcompile.lowering import lower
from jpegcompile.passes.lower.keep_exact import KeepExact

# Relative to the largest output; rounding is a hundred times smaller, a missed tie is larger.
DIFFERS = 1e-3

CONV = "(T[N,3,32,32] x) => (T[] y) { c = Conv<pads = [1, 1, 1, 1]>(x, w, b)"
# Types of outputs that are not floating-point numbers.
TYPES = dict.fromkeys(("ArgMax", "ArgMin", "NonZero", "TopK"), "int64")
CASTS = {"1": "float", "6": "int32", "9": "bool"}
NUMBERS: Weights = {
    "w": (4, 3, 3, 3),
    "spread": (4, 4, 3, 3),
    "linear": (5, 4),
    "u": (4, 4, 1, 1),
    "b": np.asarray([0.11, -0.37, 0.23, -0.05]),
    "equal": np.full(4, 0.17),
    "whole": np.asarray([1.0, -2.0, 3.0, 0.0]),
    # Binary fractions, so sums of equal values are exact in any order.
    "mean": np.full((1, 4, 1, 1), 0.25),
    "edge": np.asarray([[[[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]]]),
    "zero": np.asarray(0.0),
    "half": np.asarray(0.5),
    "one": np.asarray(1.0),
    "two": np.asarray(2.0),
    "three": np.asarray([3]),
    "six": np.asarray([6]),
    "up": np.asarray([1.0, 1.0, 2.0, 2.0], np.float32),
    "begin": np.asarray([0, 0]),
    "end": np.asarray([-1, -1]),
    "next": np.asarray([1, 1]),
    "far": np.asarray([99, 99]),
    "plane": np.asarray([2, 3]),
    "around": np.asarray([0, 0, 0, 0, 0, 0, 1, 1]),
    "row": np.asarray([0, -1]),
}


def behind_conv(body: str) -> Graph:
    """A graph that begins with a convolution `c` [N, 4, 32, 32] of the image `x`.

    The last operator determines the type of the output `y`.
    """
    last = re.findall(r"\by = (\w+)", body)[-1]
    kind = TYPES.get(last, "T")
    if last == "Cast":
        kind = CASTS[re.findall(r"to=(\d)", body)[-1]]
    names = set("".join(ch if ch.isalnum() else " " for ch in body).split())
    used = {name: v for name, v in NUMBERS.items() if name in names or name in "wb"}
    return Graph(f"{CONV.replace('T[] y', f'{kind}[] y')}  {body} }}", used)


def image(channels: int = 3, size: int = 32) -> NDArray[np.float64]:
    """Noise with a black bar, a gray corner and a coarse center: [2, channels, size, size]."""
    generator = np.random.default_rng(channels)
    pixels = np.asarray(generator.standard_normal((2, channels, size, size)), np.float32)
    pixels[:, :, : size // 4] = 0.0
    pixels[:, :, -(size // 3) :, -(size // 2) :] = 0.4
    middle = slice(size // 2, size // 2 + 4)
    pixels[:, :, middle, :8] = pixels[:, :, middle, :1]
    return pixels.astype(np.float64)


def differing(compiled: onnx.ModelProto, source: onnx.ModelProto, feeds: Feeds) -> list[int]:
    """Number of positions at which outputs differ, by function bodies and by native kernels."""
    expected = run_float32(source, feeds)
    counts = []
    for native in (False, True):
        actual = run_float32(compiled, feeds, native)
        counts.append(sum(_positions(a, e) for a, e in zip(actual, expected, strict=True)))
    return counts


def _positions(actual: Array, expected: Array) -> int:
    if actual.shape != expected.shape:
        return max(actual.size, expected.size, 1)
    one, other = (np.asarray(a, np.float64) for a in (actual, expected))
    scale = max(1.0, float(np.abs(np.nan_to_num(other, posinf=0, neginf=0)).max(initial=0.0)))
    same = np.isclose(one, other, rtol=0, atol=DIFFERS * scale, equal_nan=True)
    return int(np.count_nonzero(~same))


def without_exact(graph: Graph) -> Module:
    """The graph lowered as if every operator were continuous: the planted fault."""
    with mock.patch.object(KeepExact, "run", return_value=False):
        return lowered(graph, "float")


def compiled(graph: Graph, domain: DomainChoice = "jpeg") -> onnx.ModelProto:
    """The graph compiled for a tensor input in float32."""
    source = load_source(graph.model("float"))
    return emit(lower(source, replace(TENSOR, domain=domain)))
