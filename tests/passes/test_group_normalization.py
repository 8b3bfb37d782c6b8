"""Group and instance normalization in every form, and similar graphs that are neither."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    evaluate,
    feeds_of,
    kept_reasons,
    module_before,
    pass_named,
)

from jpegcompile.messages import Message

CANONICAL = "canonical-normalization"
LOWER = "lower-group-normalization"
SIX = {"s": np.linspace(0.5, 1.5, 6), "t": np.linspace(-1, 1, 6)}
INSTANCE = Graph(
    "(T[N,6,16,16] x) => (T[] y) { y = InstanceNormalization<epsilon = 0.01>(x, s, t) }", SIX
)
BETWEEN = """(T[N,6,16,16] x) => (T[N,6,16,16] y) {
    r = Reshape(x, to_groups)  n = InstanceNormalization<epsilon = 0.01>(r, one, zero)
    shape = Shape(x)  b = Reshape(n, shape)  m = Mul(b, scale)  y = Add(m, shift) }"""
# m, v and the rest, by operators that exist since opset 7; `mean` is replaced by a mean.
SPELLINGS = {
    "subtracted": """m = mean(x)  d = Sub(x, m)  q = Mul(d, d)  v = mean(q)  e = Add(v, eps)
        r = Sqrt(e)  n = Div(d, r)  g = Mul(n, scale)  y = Add(g, shift)""",
    "power": """m = mean(x)  d = Sub(x, m)  q = Pow(d, two)  v = mean(q)  e = Add(eps, v)
        r = Pow(e, minus_half)  n = Mul(r, d)  g = Mul(scale, n)  y = Add(shift, g)""",
    "reciprocal": """m = mean(x)  d = Sub(m, x)  q = Mul(d, d)  v = mean(q)  e = Add(v, eps)
        s = Sqrt(e)  r = Reciprocal(s)  p = Neg(d)  n = Mul(p, r)  g = Mul(n, scale)
        y = Add(g, shift)""",
    "factor and offset": """m = mean(x)  d = Sub(x, m)  q = Mul(d, d)  v = mean(q)
        e = Add(v, eps)  s = Sqrt(e)  r = Reciprocal(s)  f = Mul(r, scale)  o = Mul(m, f)
        c = Sub(shift, o)  g = Mul(x, f)  y = Add(g, c)""",
    "moments": """m = mean(x)  q = Mul(x, x)  w = mean(q)  p = Mul(m, m)  u = Sub(w, p)
        v = Relu(u)  e = Add(v, eps)  s = Sqrt(e)  d = Sub(x, m)  n = Div(d, s)
        g = Mul(n, scale)  y = Add(g, shift)""",
    "unbiased": """m = mean(x)  d = Sub(x, m)  q = Mul(d, d)  w = mean(q)  v = Mul(w, bessel)
        e = Add(v, eps)  s = Sqrt(e)  n = Div(d, s)  g = Mul(n, scale)  y = Add(g, shift)""",
}
NUMBERS = {
    "scale": SIX["s"].reshape(6, 1, 1),
    "shift": SIX["t"].reshape(1, 6, 1, 1),
    "eps": np.asarray(0.01),
    "two": np.asarray(2.0),
    "minus_half": np.asarray([-0.5]),
    "bessel": np.asarray(256 / 255),
}


def spelled(spelling: str, axes: str, opset: int = 17) -> Graph:
    text = SPELLINGS[spelling].replace("mean(", f"ReduceMean<axes = {axes}, keepdims = 1>(")
    return Graph(f"(T[N,6,16,16] x) => (T[N,6,16,16] y) {{ {text} }}", NUMBERS, opset)


def between(groups: int, opset: int = 17) -> Graph:
    weights = {
        "to_groups": np.asarray([0, groups, -1]),
        "one": np.linspace(0.5, 1, groups),
        "zero": np.linspace(0, 0.5, groups),
        "scale": NUMBERS["scale"],
        "shift": NUMBERS["shift"],
    }
    return Graph(BETWEEN, weights, opset)


def check(graph: Graph, groups: int) -> None:
    module = check_compiled(graph, "ToJpeg JpegGroupNormalization ToSpatial")
    assert kept_reasons(module) == {}
    assert module.graph.nodes[1].attrs["groups"] == groups


@pytest.mark.parametrize("opset", [7, 13, 17, 22])
def test_instance(opset: int) -> None:
    check(Graph(INSTANCE.text, SIX, opset), 6)


@pytest.mark.parametrize("size", ["8,8", "12,16", "14,14", "7,7", "1,1"])
def test_block_sizes(size: str) -> None:
    assert kept_reasons(check_compiled(INSTANCE.with_text("16,16", size))) == {}


def test_passes() -> None:
    canonical = check_pass(INSTANCE, CANONICAL, "SpatialGroupNormalization")
    assert canonical.graph.nodes[0].attrs == {"groups": 6}
    lowered = check_pass(INSTANCE, LOWER, "ToJpeg JpegGroupNormalization ToSpatial")
    assert lowered.graph.nodes[1].attrs == {"groups": 6, "block": 8}
    small = module_before(INSTANCE.with_text("16,16", "7,9"), LOWER)
    assert check_untouched(small, LOWER) == {}
    assert [node.name for node in small.report.lowered] == ["y"]


@pytest.mark.parametrize("opset", [7, 17])
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_between_reshapes(groups: int, opset: int) -> None:
    check(between(groups, opset), groups)


def test_operator() -> None:
    """The reference evaluator computes this operator in float32."""
    text = (
        "(T[N,6,16,16] x) => (T[N,6,16,16] y) { y = GroupNormalization<num_groups = 3>(x, s, t) }"
    )
    same = between(3).with_text("<epsilon = 0.01>", "")
    numbers = {"one": np.ones(3), "zero": np.zeros(3)}
    model = Graph(same.text, {**same.weights, **numbers}).model()
    expected = evaluate(model, feeds_of(model))
    check_compiled(Graph(text, SIX, 21), "ToJpeg JpegGroupNormalization ToSpatial", expected)


@pytest.mark.parametrize("opset", [7, 17])
@pytest.mark.parametrize(("axes", "groups"), [("[2, 3]", 6), ("[1, 2, 3]", 1), ("[-1, -2]", 6)])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling(spelling: str, axes: str, groups: int, opset: int) -> None:
    check(spelled(spelling, axes, opset), groups)


@pytest.mark.parametrize(("shape", "axes"), [([0, 2, 3, 16, 16], "[2,3,4]"), ([0, 2, -1], "[2]")])
def test_spelling_of_groups(shape: list[int], axes: str) -> None:
    text = SPELLINGS["subtracted"].replace("(x", "(x5").replace("y = Add", "z = Add")
    text = text.replace("mean(", f"ReduceMean<axes = {axes}, keepdims = 1>(")
    weights = {
        **NUMBERS,
        "to_groups": np.asarray(shape),
        "scale": np.asarray([0.5, 2.0]).reshape(2, *[1] * (len(shape) - 2)),
        "shift": np.asarray(0.25),
    }
    graph = f"""(T[N,6,16,16] x) => (T[N,6,16,16] y) {{
        x5 = Reshape(x, to_groups)  {text}  shape = Shape(x)  y = Reshape(z, shape) }}"""
    check(Graph(graph, weights), 2)


def test_layer_normalization() -> None:
    text = """(T[N,6,16,16] x) => (T[N,6,16,16] y) {
        y = LayerNormalization<axis = 1, epsilon = 0.01>(x, s, t) }"""
    flat = {n: np.broadcast_to(v.reshape(6, 1, 1), (6, 16, 16)) for n, v in SIX.items()}
    check(Graph(text, {n: v.copy() for n, v in flat.items()}), 1)
    varied = Graph(text, {"s": (6, 16, 16), "t": (6, 16, 16)})
    outline = "ToJpeg JpegGroupNormalization JpegMul Add ToSpatial"
    assert kept_reasons(check_compiled(varied, outline)) == {}


def test_what_is_read_besides_stays() -> None:
    """Both readers get a normalization, and the mean is still computed."""
    text = """(T[N,6,16,16] x) => (T[N,6,16,16] y, T[N,6,16,16] z, T[N,6,1,1] m) {
        r = Reshape(x, to_groups)  n = InstanceNormalization<epsilon = 0.01>(r, one, zero)
        shape = Shape(x)  b = Reshape(n, shape)  y = Relu(b)  z = Mul(b, scale)
        m = ReduceMean<axes = [2, 3], keepdims = 1>(x) }"""
    module = check_compiled(Graph(text, between(3).weights))
    ops = [node.op for node in module.graph.nodes]
    assert ops.count("JpegGroupNormalization") == 2
    assert kept_reasons(module) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Sub(x, m)", "Add(x, m)"),
        ("Mul(d, d)", "Mul(d, m)"),
        ("Add(v, eps)", "Sub(v, eps)"),
        ("n = Div(d, r)", "n = Div(x, r)"),
        ("axes = [2, 3]", "axes = [1]"),
        ("axes = [2, 3]", "axes = [1, 3]"),
        ("Sqrt(e)", "Exp(e)"),
    ],
)
def test_what_only_looks_alike_stays(old: str, new: str) -> None:
    graph = spelled("subtracted", "[2, 3]").with_text(old, new)
    assert check_untouched(module_before(graph, CANONICAL), CANONICAL) == {}


def test_a_pole_stays() -> None:
    """Without epsilon, a constant map would be divided by zero."""
    graph = INSTANCE.with_text("0.01", "0.0")
    assert check_untouched(module_before(graph, CANONICAL), CANONICAL) == {}
    assert kept_reasons(check_compiled(graph)) == {"y": "no-jpeg-domain-form"}


def test_scales_that_are_computed_stay() -> None:
    text = "(T[N,6,16,16] x, T[6] s, T[6] t) => (T[] y) { y = InstanceNormalization(x, s, t) }"
    assert check_untouched(module_before(Graph(text), CANONICAL), CANONICAL) == {}


def test_declines() -> None:
    text = INSTANCE.text.replace("y = Inst", "n = Inst").replace("}", " y = Floor(n) }")
    module = module_before(Graph(text, SIX), LOWER)
    module.exact_nodes["n"] = Message("test", "a reason")
    pass_named(LOWER).run(module)
    assert kept_reasons(module)["n"] == "test"


def test_faults() -> None:
    graph = between(3)
    check_fault(graph, graph.perturbed("scale", 1e-4), graph.perturbed("zero", 1e-4))
    check_fault(graph, graph.with_text("0.01", "0.011"))
