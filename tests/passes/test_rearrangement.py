"""Rearrangements of pixels and channels, as named operators or as reshapes."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    apply,
    assert_same,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    evaluate,
    feeds_of,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
)

from jpegcompile.backends.emit import emit

LOWER = "lower-rearrangement"
NAME = "canonical-rearrangement"


def named(op: str, attributes: str, shape: str, opset: int = 17) -> Graph:
    return Graph(f"(T[N,{shape}] x) => (T[] y) {{ y = {op}<{attributes}>(x) }}", opset=opset)


@pytest.mark.parametrize("opset", [7, 10, 11, 13, 22])
@pytest.mark.parametrize(
    ("op", "shape", "side"),
    [
        ("SpaceToDepth", "3,16,24", 2),
        ("SpaceToDepth", "3,12,20", 4),
        ("SpaceToDepth", "2,14,6", 2),
        ("DepthToSpace", "8,8,16", 2),
        ("DepthToSpace", "9,7,4", 3),
    ],
)
def test_by_name(op: str, shape: str, side: int, opset: int) -> None:
    graph = named(op, f"blocksize = {side}", shape, opset)
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    assert op in outline_of(module)


def test_structure() -> None:
    graph = named("SpaceToDepth", "blocksize = 2", "3,16,24")
    module = check_pass(graph, LOWER, "ToJpeg JpegSpaceToDepth ToSpatial")
    assert module.graph.nodes[1].attrs == {"blocksize": 2, "input_block": 8, "output_block": 4}


@pytest.mark.parametrize("shape", ["4,8,8", "8,5,3", "16,6,4"])
def test_columns_first(shape: str) -> None:
    graph = named("DepthToSpace", 'blocksize = 2, mode = "CRD"', shape)
    outline = "Gather DepthToSpace" if shape[0] != "4" else "DepthToSpace"
    check_pass(graph, NAME, outline)
    assert kept_reasons(check_compiled(graph)) == {}


def test_the_plain_order_stays() -> None:
    graph = named("DepthToSpace", 'blocksize = 2, mode = "DCR"', "8,8,8")
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    check_compiled(graph, "ToJpeg JpegDepthToSpace ToSpatial")


def test_block_size_1_stays() -> None:
    graph = named("SpaceToDepth", "blocksize = 3", "1,9,15")
    module = module_before(graph, LOWER)
    assert check_untouched(module, LOWER) == {}
    assert [node.name for node in module.report.lowered] == ["y"]
    check_compiled(graph, "SpaceToDepth")


def test_faults_are_seen() -> None:
    graph = named("DepthToSpace", 'blocksize = 2, mode = "CRD"', "8,8,8")
    check_fault(graph, named("DepthToSpace", "blocksize = 2", "8,8,8"))
    stem = spelled("stem of TResNet")
    check_fault(stem, stem.with_text("[0, 3, 5, 1, 2, 4]", "[0, 5, 3, 1, 2, 4]"))


def test_declines() -> None:
    text = """(T[N,8,8,8] x, int64[4] shape) => (T[A,B,C,D] y) {
        map = Reshape(x, shape)  y = OP<blocksize = 2>(map) }"""
    reason = {"y": "map-shape-unknown"}
    for op in ("SpaceToDepth", "DepthToSpace"):
        assert declines(Graph(text.replace("OP", op)), LOWER) == reason
    mode = text.replace("OP<blocksize = 2>", 'DepthToSpace<blocksize = 2, mode = "CRD">')
    assert declines(Graph(mode), NAME) == {}
    assert declines(Graph(mode), LOWER) == reason
    module = module_before(named("DepthToSpace", "blocksize = 2", "8,8,8"), LOWER)
    module.graph.nodes[0].attrs["mode"] = "CRD"
    assert check_untouched(module, LOWER) == {"y": "depth-to-space-mode"}


# Reshape, order of axes, reshape: as PyTorch writes them.
SPELLED = {
    "pixel unshuffle": ("3,16,24", [3, 8, 2, 12, 2], [0, 1, 3, 5, 2, 4], [12, 8, 12]),
    "stem of TResNet": ("3,16,24", [3, 4, 4, 6, 4], [0, 3, 5, 1, 2, 4], [48, 4, 6]),
    "pixel shuffle": ("8,8,12", [2, 2, 2, 8, 12], [0, 1, 4, 2, 5, 3], [2, 16, 24]),
    "depth to space": ("8,8,12", [2, 2, 2, 8, 12], [0, 3, 4, 1, 5, 2], [2, 16, 24]),
    "channel shuffle": ("6,8,16", [2, 3, 8, 16], [0, 2, 1, 3, 4], [6, 8, 16]),
}
NAMED = {
    "pixel unshuffle": "SpaceToDepth Gather",
    "stem of TResNet": "SpaceToDepth",
    "pixel shuffle": "Gather DepthToSpace",
    "depth to space": "DepthToSpace",
    "channel shuffle": "Gather",
}


def spelled(name: str, batch: str = "N", opset: int = 17) -> Graph:
    shape, middle, order, target = SPELLED[name]
    text = f"""(T[{batch},{shape}] x) => (T[] y) {{ a = Reshape(x, middle)
        b = Transpose<perm = {order}>(a)  y = Reshape(b, target) }}"""
    weights = {"middle": np.asarray([0, *middle]), "target": np.asarray([0, *target])}
    return Graph(text, weights, opset)


@pytest.mark.parametrize("opset", [7, 13, 22])
@pytest.mark.parametrize("name", list(SPELLED))
def test_spelled_out(name: str, opset: int) -> None:
    graph = spelled(name, opset=opset)
    check_pass(graph, NAME, NAMED[name])
    module = check_compiled(graph)
    assert kept_reasons(module) == {}


def test_channels_of_a_shuffle() -> None:
    module = module_before(spelled("channel shuffle"), NAME)
    assert apply(module, NAME)
    (gather,) = module.graph.nodes
    assert gather.attrs == {"axis": 1}
    assert gather.inputs[1].values.tolist() == [0, 3, 1, 4, 2, 5]
    graph = spelled("channel shuffle")
    check_fault(graph, graph.with_text("[0, 2, 1, 3, 4]", "[0, 1, 2, 3, 4]"))


@pytest.mark.parametrize("name", ["stem of TResNet", "pixel shuffle", "channel shuffle"])
def test_batch_of_1_becomes_any(name: str) -> None:
    graph = spelled(name, "1")
    graph = Graph(
        graph.text,
        {n: np.asarray([1, *w[1:]]) for n, w in graph.weights.items() if isinstance(w, np.ndarray)},
    )
    many = spelled(name, "3")
    feeds = feeds_of(many.model())
    assert_same(evaluate(emit(lowered(graph)), feeds), evaluate(many.model(), feeds))


# As the older exporter of PyTorch writes n, c, h, w = x.shape; x.view(n, c, h // 4, 4, w // 4, 4).
COMPUTED = """(T[N,3,16,24] x) => (T[A,B,C,D] y) {
    s = Shape(x)  n = Gather<axis = 0>(s, i0)  c = Gather<axis = 0>(s, i1)
    h = Gather<axis = 0>(s, i2)  w = Gather<axis = 0>(s, i3)
    hq = Div(h, four)  hq1 = Cast<to = 7>(hq)  wq = Div(w, four)  wq1 = Cast<to = 7>(wq)
    nu = Unsqueeze(n, i0v)  cu = Unsqueeze(c, i0v)  hu = Unsqueeze(hq1, i0v)
    wu = Unsqueeze(wq1, i0v)  middle = Concat<axis = 0>(nu, cu, hu, fourv, wu, fourv)
    a = Reshape(x, middle)  b = Transpose<perm = [0, 3, 5, 1, 2, 4]>(a)
    cf = Mul(c, four)  cff = Mul(cf, four)  cffu = Unsqueeze(cff, i0v)
    target = Concat<axis = 0>(nu, cffu, hu, wu)  y = Reshape(b, target) }"""
INDICES = {
    **{f"i{i}": np.asarray(i) for i in range(4)},
    "i0v": np.asarray([0]),
    "four": np.asarray(4),
    "fourv": np.asarray([4]),
}


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("batch", ["N", "1", "3"])
def test_computed_shapes(batch: str, opset: int) -> None:
    graph = Graph(COMPUTED.replace("T[N,", f"T[{batch},"), INDICES, opset)
    module = check_compiled(graph, "ToJpeg JpegSpaceToDepth ToSpatial")
    assert module.dynamic_batch == (batch != "3")


# x.chunk(2, 1) and channel shuffle, twice: the sizes of the second depend on the first.
CHUNKS = """(T[N,8,8,16] x) => (T[A,B,C,D] y) {
    s = Shape(x)  c = Gather<axis = 0>(s, one)  d = Div(c, two)
    p = Slice(x, zero, d, one)  q = Slice(x, d, c, one)  r = Concat<axis = 1>(q, p)
    sr = Shape(r)  n = Gather<axis = 0>(sr, zero)  rest = Slice(sr, two, four)
    m = Concat<axis = 0>(n, two, d, rest)  a = Reshape(r, m)
    b = Transpose<perm = [0, 2, 1, 3, 4]>(a)  t = Concat<axis = 0>(n, minus, rest)
    v = Reshape(b, t)  sv = Shape(v)  cv = Gather<axis = 0>(sv, one)  dv = Div(cv, two)
    y = Slice(v, dv, cv, one) }"""
PARTS = {name: np.asarray([v]) for name, v in (("zero", 0), ("one", 1), ("two", 2), ("four", 4))}


def test_shapes_that_follow_from_one_another() -> None:
    graph = Graph(CHUNKS, {**PARTS, "minus": np.asarray([-1])})
    outline = "ToJpeg Gather Gather Slice ToSpatial"
    module = check_compiled(graph, outline)
    assert module.graph.outputs[0].shape == ("N", 4, 8, 16)
    resolved = module_before(graph, "resolve-shapes")
    assert apply(resolved, "resolve-shapes")


@pytest.mark.parametrize(
    ("shape", "middle", "order", "target"),
    [
        ("3,16,24", [3, 8, 2, 12, 2], [0, 1, 3, 5, 4, 2], [12, 12, 8]),
        ("3,16,24", [3, 8, 2, 24], [0, 1, 3, 2, 4], [3, 16, 24]),
        ("3,16,16", [3, 16, 16], [0, 1, 3, 2], [3, 16, 16]),
        ("4,8,8", [4, 64], [0, 2, 1], [64, 2, 2]),
        ("4,8,8", [4, 64], [0, 2, 1], [64, 4]),
    ],
)
def test_other_moves_stay(
    shape: str, middle: list[int], order: list[int], target: list[int]
) -> None:
    text = f"""(T[N,{shape}] x) => (T[] y) {{ a = Reshape(x, middle)
        b = Transpose<perm = {order}>(a)  y = Reshape(b, target) }}"""
    weights = {"middle": np.asarray([0, *middle]), "target": np.asarray([0, *target])}
    graph = Graph(text, weights)
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    check_compiled(graph)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(T[] y)", "(T[] y, T[] a)"),
        ("(T[] y)", "(T[] y, T[] b)"),
        ("y = Reshape(b, target)", "y = Reshape(b, target)  z = Relu(a)"),
        ("y = Reshape(b, target)", "y = Reshape(b, target)  z = Relu(b)"),
        ("a = Reshape(x, middle)", "a = Relu(x)"),
        ("y = Reshape(b, target)", "y = Flatten(b)"),
    ],
)
def test_what_others_read_stays(old: str, new: str) -> None:
    graph = spelled("channel shuffle").with_text(old, new)
    if " z = " in new:
        graph = graph.with_text("(T[] y)", "(T[] y, T[] z)")
    if "Relu(x)" in new:
        graph = graph.with_text("[0, 2, 1, 3, 4]", "[0, 2, 1, 3]")
    assert check_untouched(module_before(graph, NAME), NAME) == {}


def test_moves_of_the_batch_stay() -> None:
    graph = spelled("channel shuffle", "2").with_text("[0, 2, 1, 3, 4]", "[1, 0, 2, 3, 4]")
    assert check_untouched(module_before(graph, NAME), NAME) == {}
