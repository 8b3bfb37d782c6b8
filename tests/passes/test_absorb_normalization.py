"""Per-channel arithmetic on the image input moves into the ingest."""

from __future__ import annotations

import numpy as np
import pytest
from support.coefficient_models import (
    NORMALIZE,
    check_coefficients,
    coefficient_inputs,
    compiled,
    images_for,
    module_options,
    pixels_of,
)
from support.graphs import (
    Graph,
    Weights,
    apply,
    assert_same,
    check_untouched,
    evaluate,
    module_before,
    outline_of,
)

from jpegcompile.backends.emit import emit
from jpegcompile.messages import code_of

TURN = "Transpose<perm = [0, 3, 1, 2]>"

LAST = f"""(T[N,16,24,3] x) => (T[] y) {{
    d = Div(x, scale)  s = Sub(d, mean)  m = Mul(s, factor)  a = Add(m, shift)
    t = {TURN}(a)  c = Conv(t, w)  y = Relu(c) }}"""
CONSTANTS: Weights = {
    "scale": np.asarray(127.5),
    "mean": (3,),
    "factor": (1, 1, 1, 3),
    "shift": (3,),
    "w": (4, 3, 3, 3),
}


def test_normalization_in_the_graph_moves_into_the_ingest() -> None:
    graph = Graph(LAST, CONSTANTS)
    faults = [graph.perturbed(name, 1e-4) for name in ("scale", "mean", "factor", "shift")]
    module = check_coefficients(graph, *faults, preprocess="none")
    assert outline_of(module) == "JpegIngest JpegConvRelu ToSpatial"
    (note,) = module.report.notes
    assert code_of(note) == "normalization-absorbed"
    assert "(Div, Sub, Mul, Add)" in note
    check_coefficients(graph, preprocess=NORMALIZE)


def test_absorbing_alone() -> None:
    graph = Graph(LAST, CONSTANTS)
    module = module_before(graph, "absorb-normalization", module_options(graph, preprocess="none"))
    assert apply(module, "absorb-normalization")
    assert outline_of(module) == "Transpose Conv Relu"
    assert module.image_twin == "t"
    with_tensor = module_before(graph, "absorb-normalization")
    assert check_untouched(with_tensor, "absorb-normalization") == {}


@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 1), (1, 3, 1, 1), (1, 1), (1, 1, 1, 1)])
@pytest.mark.parametrize(
    "form", ["Add(x, c)", "Add(c, x)", "Sub(x, c)", "Sub(c, x)", "Mul(c, x)", "Div(x, c)"]
)
def test_forms_that_are_absorbed(form: str, shape: tuple[int, ...]) -> None:
    text = f"(T[N,3,16,24] x) => (T[] y) {{ a = {form}  y = Relu(a) }}"
    graph = Graph(
        text, {"c": np.asarray(np.abs(np.random.default_rng(1).normal(size=shape)) + 1.0)}
    )
    module = compiled(graph)
    assert outline_of(module) == "JpegIngest JpegRelu ToSpatial"
    images = images_for(module)
    wanted = evaluate(graph.model(), {"x": pixels_of(module, images)})
    assert_same(evaluate(emit(module), coefficient_inputs(images)), wanted)


@pytest.mark.parametrize(
    ("body", "outputs"),
    [
        ("a = Div(c, x)  y = Relu(a)", "T[] y"),
        ("a = Div(x, zero)  y = Relu(a)", "T[] y"),
        ("a = Add(x, row)  y = Relu(a)", "T[] y"),
        ("a = Add(x, x)  y = Relu(a)", "T[] y"),
        ("a = Add(x, c)  y = Mul(a, x)", "T[] y"),
        ("a = Add(x, five)  y = Relu(a)", "T[] y"),
        ("a = Relu(x)  y = Add(a, c)", "T[] y"),
        ("y = Add(x, c)", "T[] y"),
        ("a = Add(x, c)  y = Relu(a)", "T[] y, T[] a"),
    ],
)
def test_what_is_not_absorbed(body: str, outputs: str) -> None:
    weights: Weights = {
        "c": np.asarray(2.0),
        "zero": np.asarray([1.0, 0.0, 1.0]).reshape(3, 1, 1),
        "row": (24,),
        "five": (1, 1, 1, 1, 1),
    }
    graph = Graph(f"(T[N,3,16,24] x) => ({outputs}) {{ {body} }}", weights)
    options = module_options(graph)
    module = module_before(graph, "absorb-normalization", options)
    assert check_untouched(module, "absorb-normalization") == {}
