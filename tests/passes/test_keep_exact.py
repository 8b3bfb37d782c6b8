"""Nodes feeding a discontinuous operator stay on pixels if their values may be equal."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    Weights,
    assert_same,
    check_compiled,
    check_untouched,
    evaluate,
    feeds_of,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
    run_float32,
)

from jpegcompile.backends.emit import emit

NAME = "keep-exact"
POOL = "MaxPool<kernel_shape = [2, 2], strides = [2, 2]>"
MEAN = "AveragePool<kernel_shape = [2, 2], strides = [2, 2]>"
CONV = "(T[N,3,16,16] x) => (T[] y) { c = Conv<pads = [1, 1, 1, 1]>(x, w, bias)"
NUMBERS: Weights = {
    "zero": np.asarray(0.0),
    "one": np.asarray(1.0),
    "two": np.asarray(2.0),
    "tiny": np.asarray(1e-4),
    "flat": np.zeros((4, 1, 1)),
    "blur": np.full((4, 1, 3, 3), 1 / 9),
    "mix": np.full((4, 4, 1, 1), 0.25),
    "bias": np.full(4, 0.25),
    "w2": (4, 3, 3, 3),
}


def behind_conv(body: str) -> Graph:
    used = {n: v for n, v in NUMBERS.items() if f"{n})" in body or f"{n}," in body}
    return Graph(f"{CONV}  {body} }}", {"w": (4, 3, 3, 3), "bias": NUMBERS["bias"], **used})


# Graph bodies, and the nodes that must stay spatial; all other nodes are lowered.
BODIES = {
    "r = Relu(c)  y = Sqrt(r)": "r y",
    f"r = Relu(c)  p = {POOL}(r)  y = Sqrt(p)": "r p y",
    "r = Relu(c)  m = Mul(r, two)  y = Sqrt(m)": "r m y",
    f"r = Relu(c)  q = Mul(r, r)  p = {MEAN}(q)  y = Sqrt(p)": "r q p y",
    "h = HardSigmoid<alpha = 1.0>(c)  y = Sqrt(h)": "h y",
    "r = PRelu(c, flat)  y = Sqrt(r)": "r y",
    "r = LeakyRelu<alpha = 0.0>(c)  y = Sqrt(r)": "r y",
    "r = Relu(c)  a = Abs(r)  y = Sqrt(a)": "r a y",
    f"r = Relu(c)  p = {POOL}(r)  y = Sign(p)": "r p y",
    f"r = Relu(c)  p = {POOL}(r)  y = Ceil(p)": "r p y",
    "r = Relu(c)  k = Equal(r, zero)  y = Where(k, one, r)": "r k y",
    (
        "r = Relu(c)  k = Greater(r, zero)  f = CastLike(k, r)  s = Sigmoid(r)  y = Mul(f, s)"
    ): "r k f",
    "k = Clip(c, zero, one)  y = ThresholdedRelu<alpha = 1.0>(k)": "k y",
    "r = Relu(c)  d = Add(r, tiny)  y = Div(one, d)": "r d y",
    "r = Relu(c)  y = Pow(r, half)": "r y",
    # Zero where all inputs are zero: L2 pooling by a filter, sums of ReLU outputs.
    "r = Relu(c)  q = Mul(r, r)  f = Conv<group = 4>(q, blur)  y = Sqrt(f)": "r q f y",
    "r = Relu(c)  f = Conv(r, mix)  k = Greater(f, zero)  y = CastLike(k, f)": "r f k y",
    "d = Conv<pads = [1, 1, 1, 1]>(x, w2, bias)  r = Relu(c)  s = Relu(d)  a = Add(r, s)"
    "  y = Sqrt(a)": "r s a y",
    "d = Conv<pads = [1, 1, 1, 1]>(x, w2, bias)  r = Relu(c)  s = Relu(d)  a = Sum(r, s)"
    "  k = Greater(a, zero)  y = CastLike(k, a)": "r s a k y",
}


@pytest.mark.parametrize("body", BODIES)
def test_steps_and_poles(body: str) -> None:
    graph = behind_conv(body)
    if "half" in body:
        graph = Graph(graph.text, {**graph.weights, "half": np.asarray(0.5)})
    module = lowered(graph)
    assert set(kept_reasons(module)) == set(BODIES[body].split())
    model = graph.model()
    feeds = feeds_of(model)
    assert_same(evaluate(emit(module), feeds), evaluate(model, feeds))
    narrow = graph.model("float")
    actual = run_float32(emit(lowered(graph, "float")), feeds)[0]
    expected = run_float32(narrow, feeds)[0]
    assert np.isfinite(expected).all()
    # The reciprocal amplifies rounding of the convolution, but values are never exactly equal.
    assert np.mean(np.abs(actual - expected) > 1e-2 * np.abs(expected).max()) == 0.0


def test_reasons() -> None:
    module = lowered(behind_conv(f"r = Relu(c)  p = {POOL}(r)  y = Sqrt(p)"))
    reason = "feeds-discontinuous-operator"
    assert kept_reasons(module) == {
        "r": reason,
        "p": reason,
        "y": "no-jpeg-domain-form",
    }
    logarithm = lowered(behind_conv("r = Relu(c)  s = Sigmoid(r)  y = Log(s)"))
    assert kept_reasons(logarithm)["s"] == "feeds-discontinuous-operator"
    quotient = lowered(behind_conv("r = Relu(c)  d = Add(r, tiny)  y = Div(one, d)"))
    assert kept_reasons(quotient)["y"] == "map-is-second-operand"
    assert kept_reasons(quotient)["d"] == "feeds-discontinuous-operator"


@pytest.mark.parametrize("opset", [7, 10, 11, 13])
def test_generalized_mean_pooling(opset: int) -> None:
    clip = "Clip<min = 0.000001>(c)" if opset < 11 else "Clip(c, low)"
    text = f"""(T[N,3,16,16] x) => (T[] y) {{ c = Conv(x, w, b)  r = {clip}  p = Pow(r, k)
        g = GlobalAveragePool(p)  y = Pow(g, i) }}"""
    weights: Weights = {
        "w": (3, 3, 1, 1),
        "b": np.ones(3),
        "k": np.asarray(2.9),
        "i": np.asarray(1 / 2.9),
    }
    if opset >= 11:
        weights = {**weights, "low": np.asarray(1e-6)}
    outline = "ToJpeg JpegPointwiseConv ToSpatial Clip Pow GlobalAveragePool Pow"
    check_compiled(Graph(text, weights, opset), outline)


def test_other_readers_cast() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] z) {
        d = Conv(x, v, b)  r = Relu(d)  y = Sqrt(r)  c = Conv(r, w)  z = Relu(c) }"""
    graph = Graph(text, {"w": (3, 3, 3, 3), "v": (3, 3, 1, 1), "b": np.ones(3)})
    module = lowered(graph)
    assert sorted(outline_of(module).split()) == sorted(
        (
            *("ToJpeg", "JpegPointwiseConv", "ToSpatial", "Relu", "Sqrt"),
            *("ToJpeg", "JpegConvRelu", "ToSpatial"),
        )
    )
    feeds = feeds_of(graph.model())
    assert_same(evaluate(emit(module), feeds), evaluate(graph.model(), feeds))


@pytest.mark.parametrize(
    "body",
    [
        "s = Softplus(c)  g = Greater(c, two)  y = Where(g, c, s)",
        "a = Add(c, c)  r = Relu(x)  y = Sigmoid(a)",
        "e = Exp(c)  d = Add(e, one)  y = Div(c, d)",
        # Not even after a ReLU, since there is no discontinuity.
        "r = Relu(c)  e = Exp(r)  d = Add(e, one)  y = Div(r, d)",
        "r = Relu(c)  y = Pow(r, two)",
        # A bias moves zeros away from zero, and a sum with generic values is generic.
        "r = Relu(c)  f = Conv(r, mix, bias)  s = Softplus(f)  g = Greater(f, two)"
        "  y = Where(g, f, s)",
        "r = Relu(c)  a = Add(r, c)  s = Softplus(a)  g = Greater(a, two)  y = Where(g, a, s)",
    ],
)
def test_generic_values_and_continuous_operators(body: str) -> None:
    graph = behind_conv(body)
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    assert kept_reasons(lowered(graph)) == {}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("k = Equal(x, zero)  f = CastLike(k, x)  s = Sigmoid(x)  y = Mul(f, s)", "k f"),
        ("k = Equal(x, zero)  y = Where(k, one, x)", "k y"),
        ("y = ThresholdedRelu<alpha = 1.0>(x)", "y"),
        ("d = Conv(x, w3)  k = Greater(d, zero)  y = CastLike(k, d)", "d k y"),
    ],
)
def test_images_with_equal_values(body: str, kept: str) -> None:
    """Part of the image is black."""
    numbers: Weights = {**NUMBERS, "w3": (3, 3, 3, 3)}
    used = {n: v for n, v in numbers.items() if f"{n})" in body or f"{n}," in body}
    graph = Graph(f"(T[N,3,16,16] x) => (T[] y) {{ {body} }}", used)
    module = lowered(graph)
    assert set(kept_reasons(module)) == set(kept.split())
    pixels = np.random.default_rng(0).integers(0, 3, (2, 3, 16, 16)).astype(np.float64)
    pixels[:, :, :9, :9] = 0.0
    feeds = {"x": pixels}
    assert_same(evaluate(emit(module), feeds), evaluate(graph.model(), feeds))
    narrow = run_float32(emit(lowered(graph, "float")), feeds)
    assert_same(narrow, run_float32(graph.model("float"), feeds))


def test_maps_of_block_size_1_are_spatial_anyway() -> None:
    graph = behind_conv("r = Relu(c)  y = Sqrt(r)").with_text("16,16", "7,7")
    assert kept_reasons(check_compiled(graph)) == {}
