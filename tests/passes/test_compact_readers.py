"""Operators other than convolutions that read or write compact maps."""

from __future__ import annotations

from itertools import product

import pytest
from support.compact_graphs import PADDED, STEM, R, X, Y, check_compact, network
from support.graphs import outline_of
from support.plans import planned
from support.tiers import quick_of

EXCITED = f"""{STEM}
    d = Conv(r, w2, b1)  g = GlobalAveragePool(d)  f = Sigmoid(g)  m = Mul(d, f)"""


@pytest.mark.parametrize(
    ("size", "kept"), quick_of(product(["16,24", "12,20", "14,10"], [1, 6, 11]), quick=2)
)
def test_the_end_of_a_squeeze_and_excitation_block(size: str, kept: int) -> None:
    graph = network(f"{EXCITED}  s = Add(m, r)  u = Relu(s)  e = Conv(u, w2)  y = Relu(e)", size)
    check_compact(graph, truncate=kept)


def test_nothing_of_such_a_block_stands_whole() -> None:
    graph = network(f"{EXCITED}  s = Add(r, m)  u = Relu(s)  y = Conv(u, w2)")
    assert outline_of(planned(graph, "float", truncate=6)) == (
        "ToJpeg JpegConvReluTruncate JpegPointwiseConv JpegGlobalAveragePool Sigmoid"
        " JpegScaleAddReluTruncate JpegPointwiseConv ToSpatial"
    )
    assert check_compact(graph, truncate=6) == {
        "r": {Y: 6},
        "d": {X: 6, Y: 6},
        "g": {X: 6},
        "u": {X: 6, R: 6, Y: 6},
        "y": {X: 6, Y: 6},
        "y.ToSpatial": {X: 6},
    }


def test_a_sum_that_is_not_truncated_is_whole() -> None:
    graph = network(f"{EXCITED}  s = Add(r, m)  u = Relu(s)  y = Conv(u, w2)")
    nodes = {"r": {"truncate": 6}, "u": {"truncate": 15}}
    bands = check_compact(graph, frequencies={"nodes": nodes})
    assert bands["u"] == {X: 6, R: 6}
    assert "y" not in bands


def test_a_convolution_instead_of_few_coefficients() -> None:
    """A 3x3 convolution writes all frequencies; only the residual input has few."""
    graph = network(
        f"{EXCITED.replace('Conv(r, w2, b1)', PADDED + '(r, w3, b1)')}"
        "  s = Add(m, r)  u = Relu(s)  y = Conv(u, w2)"
    )
    bands = check_compact(graph, truncate=6)
    assert bands["u"] == {R: 6, Y: 6}
    assert "g" not in bands


def test_factors_of_channels_keep_the_band() -> None:
    """The other convolution is fused with the sum."""
    graph = network(f"{EXCITED}  p = Conv(r, w2)  s = Add(m, p)  y = Relu(s)")
    bands = check_compact(graph, truncate=6)
    assert bands["m"] == {X: 6, Y: 6}
    assert bands["y"] == {X: 6, R: 6, Y: 6}


def test_shifts_of_channels_keep_the_band() -> None:
    bands = check_compact(network(f"{STEM}  z = Sub(r, b3)  y = {PADDED}(z, w3)"), truncate=6)
    assert bands == {"r": {Y: 6}, "z": {X: 6, Y: 6}, "y": {X: 6}}


@pytest.mark.parametrize(
    "reader",
    [
        "m = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(r)",
        "m = MaxPool<kernel_shape = [2, 2], dilations = [2, 2]>(r)",
        "m = GlobalMaxPool(r)",
        "m = Relu(r)",
        "m = LeakyRelu<alpha = 0.25>(r)",
        "m = Clip(r, low, high)",
    ],
)
@pytest.mark.parametrize("masks", [15, 5])
def test_operators_that_read_few_coefficients(reader: str, masks: int) -> None:
    text = f"{STEM}  {reader}  d = Conv(m, w6)  y = Abs(d)"
    bands = check_compact(network(text, "32,32"), frequencies=masks, truncate=6)
    assert bands["r" if masks == 15 else "r.truncated"] == {Y: 6}
    assert {X: 6}.items() <= bands["m"].items()


def test_matrices_read_whole_tiles() -> None:
    text = f"{STEM}  m = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(r)  y = Conv(m, w6)"
    assert check_compact(network(text, "32,32"), truncate=6) == {}


def test_functions_of_pixels_read_few_coefficients() -> None:
    bands = check_compact(network(f"{STEM}  d = Conv(r, w2)  y = Softplus(d)"), truncate=6)
    assert bands == {"r": {Y: 6}, "d": {X: 6, Y: 6}, "y": {X: 6}}
