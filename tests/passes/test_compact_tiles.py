"""Truncated maps are compact exactly if producer and readers support it."""

from __future__ import annotations

from itertools import product

import pytest
from support.compact_graphs import PADDED, STEM, R, X, Y, bands_of, check_compact, network, values
from support.graphs import apply, assert_same, check_untouched, module_before, outline_of
from support.operators import COMPACT, PROGRAMS
from support.plans import planned, planned_options
from support.tiers import check_each, quick_of

from jpegcompile.backends.emit import emit
from jpegcompile.dct.frequencies import resolve
from jpegcompile.operators.function import function_of
from jpegcompile.operators.queries import COMPACT_ATTRIBUTES
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.runtime.cut import expose

NAME = "compact-tiles"
BOTTLENECK = f"""{STEM}
    d = Conv(r, w2, b1)  t = Relu(d)
    e = {PADDED}(t, w3)  u = Clip(e, low, high)
    p = Conv(r, w4, b4)  f = Conv(u, w4)  a = Add(f, p)  v = Relu(a)
    g = Conv(v, w5)  h = Relu(g)
    y = GlobalAveragePool(h)"""
SIZES = {"16,24": 8, "12,20": 4, "14,10": 2}


@pytest.mark.parametrize("size", quick_of(SIZES))
def test_a_bottleneck(size: str) -> None:
    graph, n = network(BOTTLENECK, size), resolve(8, SIZES[size])
    assert check_compact(graph, truncate=8) == {
        "r": {Y: n},
        "t": {X: n, Y: n},
        "u": {X: n, Y: n},
        "p": {X: n, Y: n},
        "v": {X: n, R: n, Y: n},
        "h": {X: n, Y: n},
        "y": {X: n},
    }
    module = planned(graph, "float", truncate=8)
    assert outline_of(module) == (
        "ToJpeg JpegConvReluTruncate JpegPointwiseConv JpegPointwiseConvReluTruncate"
        " JpegConvClipTruncate JpegPointwiseConvAddReluTruncate JpegPointwiseConvReluTruncate"
        " JpegGlobalAveragePool"
    )


@pytest.mark.parametrize(
    ("size", "kept"), quick_of(product(SIZES, [1, 4, 12, 14]), lambda case: case[0])
)
def test_other_numbers(size: str, kept: int) -> None:
    check_compact(network(BOTTLENECK, size), truncate=kept)


def test_numbers_by_node() -> None:
    """A sum has the larger number of frequencies of its operands, possibly all."""
    text = f"""{STEM}  t = Relu(r)
        p = Conv(r, w4)  q = Conv(t, w4)  a = Add(p, q)  z = Conv(a, w5)  y = Relu(z)"""
    nodes = {"r": {"truncate": 5}, "t": {"truncate": 9}, "y": {"truncate": 15}}
    bands = check_compact(network(text), frequencies={"nodes": nodes})
    assert bands == {
        "r": {Y: 5},
        "t": {X: 5},
        "t.truncated": {Y: 9},
        "p": {X: 5, Y: 5},
        "a": {X: 9, R: 5, Y: 9},
        "y": {X: 9},
    }
    text = f"""{STEM}  d = {PADDED}(r, w3)  t = Relu(d)
        p = Conv(r, w4)  q = Conv(t, w4)  a = Add(p, q)  z = Conv(a, w5)  y = Relu(z)"""
    bands = check_compact(network(text), frequencies={"nodes": nodes})
    assert {name: bands[name] for name in ("r", "t", "p")} == {
        "r": {Y: 5},
        "t": {X: 5, Y: 9},
        "p": {X: 5, Y: 5},
    }
    assert bands["a"] == {X: 9, R: 5, Y: 9}
    assert bands["y"] == {X: 9}
    nodes["t"] = {"truncate": 15}
    bands = check_compact(network(text), frequencies={"nodes": nodes})
    assert bands == {"r": {Y: 5}, "t": {X: 5}, "p": {X: 5, Y: 5}, "a": {R: 5}}


@pytest.mark.parametrize(
    ("kernel", "kept", "is_compact"),
    [("w2", 14, True), ("w2", 4, True), ("w3", 14, False), ("w3", 11, False), ("w3", 10, True)],
)
def test_transforms_alone_read_few_coefficients(kernel: str, kept: int, is_compact: bool) -> None:
    """A 1x1 convolution is faster with any truncation, a transform only with a strong one."""
    conv = "Conv" if kernel == "w2" else PADDED
    graph = network(f"{STEM}  d = {conv}(r, {kernel})  y = Softplus(d)")
    bands = check_compact(graph, truncate=kept)
    assert bands.get("r") == ({Y: kept} if is_compact else None)
    # The output of the 1x1 convolution is only transformed.
    has_few = kernel == "w2" and kept == 4
    assert bands.get("y") == ({X: kept} if has_few else None)


@pytest.mark.parametrize(
    "text",
    [
        # Read by an operator that supports whole tiles only, alone or among others.
        f"{STEM}  y = Sum(r, r, r)",
        f"{STEM}  d = Conv(r, w2)  s = Sum(d, r, r)  y = Conv(s, w6)",
        f"{STEM}  d = Conv(r, w2)  n = Neg(r)  y = Add(n, d)",
        # Not grouped: too few channels, and inputs and outputs of the graph.
        "d = Relu(x)  y = Conv(d, w1)",
    ],
)
def test_what_keeps_tiles_whole(text: str) -> None:
    bands = check_compact(network(text), truncate=6)
    assert not {
        name for name, attrs in bands.items() if Y in attrs and name in ("r", "d.truncated")
    }


def test_outputs_are_pixels() -> None:
    graph = network(f"{STEM}  y = Conv(r, w2)", outputs="T[] r, T[] y")
    assert check_compact(graph, truncate=6) == {
        "r": {Y: 6},
        "r.ToSpatial": {X: 6},
        "y": {X: 6, Y: 6},
        "y.ToSpatial": {X: 6},
    }


def test_channels_that_do_not_fill_groups() -> None:
    graph = network(f"{STEM}  d = Conv(r, w6)  t = Relu(d)  e = Conv(t, w7)  y = Relu(e)")
    assert check_compact(graph, truncate=6) == {
        "r": {Y: 6},
        "t": {X: 6},
        "y": {Y: 6},
        "y.ToSpatial": {X: 6},
    }


def test_a_pool_before_a_truncation() -> None:
    text = f"""{STEM}  m = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(r)
        d = Conv(m, w2)  t = Relu(d)  y = GlobalAveragePool(t)"""
    nodes = {"r": {"truncate": 15}, "m": {"truncate": 6}, "t": {"truncate": 6}}
    bands = check_compact(network(text, "32,32"), frequencies={"nodes": nodes})
    assert bands == {"m.truncated": {Y: 6}, "t": {X: 6, Y: 6}, "y": {X: 6}}


def test_other_precisions_and_targets_keep_whole_tiles() -> None:
    graph = network(BOTTLENECK)
    assert bands_of(planned(graph, truncate=6)) == {}
    assert bands_of(planned(graph, "float", "onnx", truncate=6)) == {}
    assert bands_of(planned(graph, "float", truncate=15)) == {}


def test_a_second_run_changes_nothing_and_old_marks_go() -> None:
    module = module_before(network(BOTTLENECK), NAME, planned_options(truncate=6), "float")
    assert apply(module, NAME)
    before = bands_of(module)
    check_untouched(module, NAME)
    (node,) = (n for n in module.graph.nodes if n.name == "v")
    node.attrs[Y] = 3
    assert apply(module, NAME)
    assert bands_of(module) == before


def test_bodies_declare_the_attributes() -> None:
    check_each(sorted(set(COMPACT) - set(PROGRAMS)), check_declared)


def check_declared(op: str) -> None:
    function = function_of(OPERATORS[op], 17)
    defaults = {a.name: a.i for a in function.attribute_proto if a.name in COMPACT_ATTRIBUTES}
    assert defaults == dict.fromkeys(COMPACT[op], 0)
    names = list(function.input)
    for attribute in COMPACT[op]:
        assert attribute.removesuffix("_frequencies") in {*names, *function.output}
    assert ("residual" in names) == (R in defaults)


def test_exposed_models_have_whole_tiles() -> None:
    graph = network(BOTTLENECK)
    module = planned(graph, "float", truncate=6)
    names = [name for name in module.twins if name in module.graph.tensors()]
    exposed = expose(emit(module), names)
    found = [a.i for n in exposed.graph.node for a in n.attribute if a.name in COMPACT_ATTRIBUTES]
    assert found
    assert set(found) == {0}
    assert_same(values(exposed, graph, native=True), values(exposed, graph, native=False))
