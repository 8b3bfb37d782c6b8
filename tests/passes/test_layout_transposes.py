"""Adjacent transposes, operators that read shapes, and maps that stay channels-last."""

from __future__ import annotations

import pytest
from support.channels_last import FIRST, GATE, HEAD, LAST, NAME, check, integers, on_map
from support.graphs import (
    Graph,
    Weights,
    check_compiled,
    check_untouched,
    kept_reasons,
    module_before,
    outline_of,
)


@pytest.mark.parametrize(
    ("call", "opset"), [("Shape(h)", 13), ("Shape<start = 1, end = -1>(h)", 15), ("Size(h)", 13)]
)
def test_questions_for_the_shape(call: str, opset: int) -> None:
    text = HEAD.replace("(T[] y)", "(T[] y, int64[] s)")
    graph = Graph(f"{text}  s = {call}  b = Relu(h)  y = {FIRST}(b) }}", opset=opset)
    # Height and width are known, so the result is constant unless it contains the batch.
    outlines = {"Shape(h)": "Shape Relu Gather", "Size(h)": "Size Relu"}
    check(graph, outlines.get(call, "Relu"))


def test_transposes_of_maps_of_one_pixel() -> None:
    check(on_map("y = ReduceMean<axes = [1, 2], keepdims = 1>(h)"), "ReduceMean Reshape")
    body = f"""{GATE}  e = Reshape(g, shape)  y = {FIRST}(e)"""
    weights: Weights = {"w": (6, 6), "shape": integers(-1, 1, 1, 6)}
    check(on_map(body, weights), "ReduceMean MatMul Sigmoid Reshape Reshape")


@pytest.mark.parametrize(
    ("body", "outline"),
    [
        (f"y = {FIRST}(h)", ""),
        ("y = Transpose<perm = [0, 2, 1, 3]>(h)", "Transpose"),
        ("y = Transpose(h)", "Transpose"),
        ("b = Relu(h)  y = Transpose<perm = [0, 1, 2, 3]>(b)", "Relu Transpose"),
        (f"a = {FIRST}(h)  b = Relu(a)  c = {FIRST}(h)  y = Add(b, c)", "Relu Add"),
    ],
)
def test_transposes_that_meet(body: str, outline: str) -> None:
    check(on_map(body), outline)


def test_outputs_keep_their_names() -> None:
    text = f"""(T[N,6,8,4] x) => (T[] a, T[] b, T[] y, T[] z) {{
        a = Exp(x)  h = Transpose<perm = [0, 2, 3, 1]>(a)  b = Log(h)
        y = {FIRST}(h)  z = {FIRST}(b) }}"""
    module = check_compiled(Graph(text))
    assert [t.name for t in module.graph.outputs] == ["a", "b", "y", "z"]
    assert kept_reasons(module) == {
        "a": "feeds-discontinuous-operator",
        "b": "no-jpeg-domain-form",
    }


def test_an_output_that_is_channels_last_is_not_kept() -> None:
    graph = on_map("b = Relu(h)  y = LeakyRelu(b)")
    check(graph, "Relu LeakyRelu Transpose")
    assert check_compiled(on_map("b = Relu(h)  y = LeakyRelu(b)")).report.casts == 2


OTHER = "(T[N,6,8,4] x, T[N,8,4,6] z) => (T[] y) { h = Transpose<perm = [0, 2, 3, 1]>(x)"
LEFT_ALONE = [
    ("y = DepthToSpace<blocksize = 1>(h)", {}),
    ("y = Add(h, z)", {}),
    ("y = Concat<axis = 3>(h, z)", {}),
    ("y = Add(h, big)", {"big": (2, 1, 8, 4, 6)}),
    ("y = ReduceMean<axes = [1], keepdims = 0>(h)", {}),
    ("y = ReduceMean(h)", {}),
    ("y = Flatten<axis = 2>(h)", {}),
    ("y = Flatten(h)", {}),
    ("f = Flatten(h)  y = Relu(f)", {}),
    ("y = Reshape(h, shape)", {"shape": integers(0, 4, 8, 6)}),
    ("y = MatMul(h, w)", {"w": (8, 6, 3)}),
    ("y = MatMul(w, h)", {"w": (2, 4)}),
    ("y = Softmax<axis = 3>(h)", {}),
]


@pytest.mark.parametrize(("body", "weights"), LEFT_ALONE)
def test_what_is_left_alone(body: str, weights: Weights) -> None:
    graph = Graph(f"{OTHER}  {body} }}", weights)
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    check_compiled(graph)


@pytest.mark.parametrize(
    ("call", "operand"),
    [
        ("Pad(h, o)", "int64[8] o"),
        ("Slice(h, s, e, o)", "int64[1] o"),
        ("ReduceSum(h, o)", "int64[1] o"),
        ("Squeeze(h, o)", "int64[1] o"),
        ("Squeeze(h)", "int64[1] o"),
        ("Reshape(h, o)", "int64[2] o"),
        ("MatMul(h, o)", "T[6,5] o"),
        ("PRelu(h, o)", "T[6] o"),
    ],
)
def test_what_is_not_known_is_left_alone(call: str, operand: str) -> None:
    rank = {"Reshape": "a,b", "Squeeze": "a,b,c"}.get(call.partition("(")[0], "a,b,c,d")
    text = f"(T[N,6,8,4] x, {operand}) => (T[{rank}] y) {{"
    body = f"h = Transpose<perm = [0, 2, 3, 1]>(x)  y = {call}"
    graph = Graph(f"{text} {body} }}", {"s": integers(0), "e": integers(1)})
    assert check_untouched(module_before(graph, NAME), NAME) == {}


def test_the_report_names_what_takes_a_map_channels_last() -> None:
    """No tensor in between is considered a map of width and channels."""
    body = f"""n = LayerNormalization(h, s, t)  r = Relu(n)  a = Add(r, h)
        z = {FIRST}(a)  y = Relu(z)"""
    module = check_compiled(on_map(body, {"s": (6,), "t": (6,)}))
    assert kept_reasons(module) == {
        "h": "reader-is-channels-last",
        "n": "map-channels-last",
        "r": "map-channels-last",
        "a": "map-channels-last",
        "z": "map-channels-last",
    }
    assert outline_of(module) == (
        "ToJpeg JpegPRelu ToSpatial Transpose LayerNormalization Relu Add Transpose"
        " ToJpeg JpegRelu ToSpatial"
    )


def test_what_takes_channels_second_ends_a_channels_last_stretch() -> None:
    """The axes of such a graph are ambiguous, so its maps are treated as NCHW."""
    module = check_compiled(on_map("c = Conv(h, w)  y = Relu(c)", {"w": (4, 8, 1, 1)}))
    assert kept_reasons(module) == {
        "h": "reader-is-channels-last",
        "c": "map-channels-last",
    }


HEADS = [
    ("q = GlobalAveragePool(g)  l = {LAST}(q)  f = Flatten(l)  y = MatMul(f, w)", {"w": (6, 5)}),
    ("q = GlobalAveragePool(g)  l = {LAST}(q)  f = Squeeze(l, a)  y = MatMul(f, w)", {"w": (6, 5)}),
    ("q = GlobalMaxPool(g)  l = {LAST}(q)  f = Reshape(l, s)  y = Gemm(f, w)", {"w": (6, 5)}),
]


@pytest.mark.parametrize(("body", "weights"), HEADS)
def test_heads_that_pool_in_nchw(body: str, weights: Weights) -> None:
    weights = {**weights, "a": integers(1, 2), "s": integers(-1, 6)}
    module = check_compiled(on_map(f"g = {FIRST}(h)  {body.format(LAST=LAST)}", weights))
    assert "Transpose" not in outline_of(module)
    assert set(kept_reasons(module)) <= {"q"}
