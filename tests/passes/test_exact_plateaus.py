"""Spatial operators with a step or a pole read rectifiers that were not transformed."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    Weights,
    apply,
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

NAME = "exact-plateaus"
BOUNDS: Weights = {"low": np.asarray(1e-6), "high": np.asarray(2.0)}


@pytest.mark.parametrize("opset", [7, 13])
def test_zeros_stay_zeros(opset: int) -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)  r = Relu(c)  y = Sqrt(r) }"
    graph = Graph(text, {"w": (3, 3, 1, 1)}, opset)
    module = check_compiled(graph, "ToJpeg JpegPointwiseConv ToSpatial Relu Sqrt")
    assert kept_reasons(module) == {
        "r": "Sqrt 'y', which has a step or a pole, reads it",
        "y": "Sqrt has no JPEG-domain form",
    }
    assert module.report.casts == 2
    # All of it, not the finite part only.
    model = graph.model("float")
    for target in (model, emit(lowered(graph, "float"))):
        assert np.isfinite(run_float32(target, feeds_of(model))[0]).all()


@pytest.mark.parametrize("opset", [7, 10, 11, 13])
def test_generalized_mean_pooling(opset: int) -> None:
    clip = "Clip<min = 0.000001>(c)" if opset < 11 else "Clip(c, low)"
    text = f"""(T[N,3,16,16] x) => (T[] y) {{ c = Conv(x, w)  r = {clip}  p = Pow(r, k)
        g = GlobalAveragePool(p)  y = Pow(g, i) }}"""
    weights: Weights = {"w": (3, 3, 1, 1), "k": np.asarray(2.9), "i": np.asarray(1 / 2.9)}
    if opset >= 11:
        weights = {**weights, "low": np.asarray(1e-6)}
    outline = "ToJpeg JpegPointwiseConv ToSpatial Clip Pow ToJpeg JpegGlobalAveragePool Pow"
    module = check_compiled(Graph(text, weights, opset), outline)
    assert set(kept_reasons(module)) == {"r", "p"}


def test_a_rectifier_that_others_read_is_there_twice() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] z, bool[] g) {
        r = Relu(x)  y = Sqrt(r)  c = Conv(r, w)  z = Relu(c)  g = Greater(r, half) }"""
    graph = Graph(text, {"w": (3, 3, 3, 3), "half": np.asarray(0.5)})
    module = lowered(graph)
    assert sorted(outline_of(module).split()) == sorted(
        ["ToJpeg", "JpegRelu", "Relu", "Sqrt", "JpegConv", "JpegRelu", "ToSpatial", "Greater"]
    )
    assert set(kept_reasons(module)) == {"y", "g"}
    feeds = feeds_of(graph.model())
    for actual, expected in zip(
        evaluate(emit(module), feeds), evaluate(graph.model(), feeds), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


def test_bounds_of_both_sides() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Clip(x, low, high)  y = Log(r) }"
    check_compiled(Graph(text, BOUNDS), "Clip Log")


def test_the_image_as_coefficients() -> None:
    """Behind the ingest there is no spatial image; a cast makes one."""
    text = "(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  y = Sqrt(r) }"
    single = module_before(Graph(text), NAME)
    assert apply(single, NAME)
    assert outline_of(single) == "Relu Sqrt"


def test_other_readers_read_the_transform() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  y = Sinh(r) }"
    assert check_untouched(module_before(Graph(text), NAME), NAME) == {}
    text = "(T[N,3,16,16] x) => (T[] y) { r = LeakyRelu(x)  y = Ceil(r) }"
    assert check_untouched(module_before(Graph(text), NAME), NAME) == {}
