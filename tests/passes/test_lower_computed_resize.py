"""Resize and Upsample whose sizes or scales are computed in the graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.graphs import (
    Graph,
    check_compiled,
    lowered,
    outline_of,
    random_weight,
)
from support.resized_graphs import OUTLINE, check_at_run_time, interpolated, scaled
from torch.nn import functional

# PyTorch's forms of F.interpolate(x, size=y.shape[2:]), and of scale_factor with computed sizes.
CHAINS = {
    "size of a map": """all = Shape(x)  two = Slice(all, zero, axis, zero)
        other = Shape(x)  h = Gather<axis = 0>(other, high)  w = Gather<axis = 0>(other, wide)
        target = Concat<axis = 0>(two, h, w)""",
    "doubled": """all = Shape(x)  two = Slice(all, zero, axis, zero)
        h = Gather<axis = 0>(all, high)  w = Gather<axis = 0>(all, wide)
        hh = Mul(h, axis)  ww = Mul(w, axis)  target = Concat<axis = 0>(two, hh, ww)""",
    "in floating point": """all = Shape(x)  two = Slice(all, zero, axis, zero)
        h = Gather<axis = 0>(all, high)  w = Gather<axis = 0>(all, wide)
        hf = Cast<to = 1>(h)  wf = Cast<to = 1>(w)  hs = Mul(hf, factor)  ws = Mul(wf, factor)
        hr = Floor(hs)  wr = Floor(ws)  hi = Cast<to = 7>(hr)  wi = Cast<to = 7>(wr)
        target = Concat<axis = 0>(two, hi, wi)""",
    "all at once": "all = Shape(x)  target = Mul(all, twice)",
}
NUMBERS = {
    "zero": np.asarray([0]),
    "axis": np.asarray([2]),
    "high": np.asarray([2]),
    "wide": np.asarray([3]),
    "factor": np.asarray([2.01], np.float32),
    "twice": np.asarray([1, 1, 2, 2]),
}
NEW = {"size of a map": (14, 24)}


def chained(chain: str, batch: str, opset: int) -> Graph:
    text = f"""(T[{batch},3,14,24] x) => (T[A,4,B,C] y) {{ {CHAINS[chain]}
        r = Resize<mode = "linear">(x, , , target)  y = Conv(r, weight) }}"""
    used = {name: v for name, v in NUMBERS.items() if name in CHAINS[chain].replace(",", " ")}
    return Graph(text, {**used, "weight": (4, 3, 1, 1)}, opset)


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("batch", ["N", "1"])
@pytest.mark.parametrize("chain", list(CHAINS))
def test_computed_sizes(chain: str, batch: str, opset: int) -> None:
    graph = chained(chain, batch, opset)
    module = lowered(graph)
    assert outline_of(module) == "ToJpeg JpegResize JpegPointwiseConv ToSpatial"
    assert module.dynamic_batch
    size = NEW.get(chain, (28, 48))
    assert tuple(module.graph.nodes[1].outputs[0].shape[1:]) == (3, *size)
    (resized,) = interpolated(graph, size=size, mode="bilinear")
    weight = torch.from_numpy(random_weight("weight", (4, 3, 1, 1)))
    check_compiled(graph, expected=[functional.conv2d(torch.from_numpy(resized), weight).numpy()])


def test_computed_scales() -> None:
    """Exporters below opset 11 divide the new by the old size in floating point."""
    text = """(T[N,3,14,24] x) => (T[] y) {
        all = Shape(x)  h = Gather<axis = 0>(all, high)  hf = Cast<to = 1>(h)
        quotient = Div(wanted, hf)  s = Concat<axis = 0>(ones, quotient, quotient)
        y = Resize<mode = "nearest">(x, s) }"""
    weights = {
        "high": np.asarray([2]),
        "wanted": np.asarray([28.0], np.float32),
        "ones": np.ones(2, np.float32),
    }
    graph = Graph(text, weights, 10)
    assert outline_of(lowered(graph)) == OUTLINE
    check_at_run_time(graph)


def test_two_resizes_of_which_one_gives_the_size_of_the_next() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        a = Resize<mode = "nearest">(x, , s)  sa = Shape(a)  b = MaxPool<kernel_shape = [2, 2],
        strides = [2, 2]>(a)  c = Resize<mode = "nearest">(b, , , sa)  y = Add(a, c) }"""
    graph = Graph(text, {"s": np.asarray([1, 1, 1.5, 1.5], np.float32)}, 17)
    module = check_compiled(graph, "ToJpeg JpegResize JpegMaxPool JpegResize Add ToSpatial")
    assert module.graph.nodes[4].outputs[0].shape == ("N", 3, 24, 24)


def test_sizes_as_the_runtime_rounds_them() -> None:
    """10 times 0.7 is 6.9999999 in float64 (0.7 rounded to float32), but 7 in float32."""
    graph = scaled('mode = "linear"', (0.7, 0.7), size="10,20")
    module = lowered(graph, "float")
    assert module.graph.outputs[0].shape == ("N", 3, 7, 14)
    check_at_run_time(graph)
    odd = scaled('mode = "linear"', (1.4, 1.4), size="5,15")
    assert outline_of(lowered(odd, "float")) == "JpegResize"
    check_at_run_time(odd)
