"""Nonlinear per-pixel functions of one node or several."""

from __future__ import annotations

import re
from typing import Any

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
    feeds_of,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
    random_weight,
    run_float32,
)
from support.pixelwise_cases import since, variants

from jpegcompile.backends.emit import emit
from jpegcompile.operators.pixelwise import FUNCTIONS

NAME = "lower-pixelwise"
ONE_MAP = "(T[N,3,16,16] x) => (T[] y) "


def of_one_node(op: str, attributes: dict[str, Any], size: str = "16,16") -> Graph:
    written = ", ".join(
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value!r}"
        for name, value in attributes.items()
    )
    text = f"(T[N,3,{size}] x) => (T[] y) {{ y = {op}{f'<{written}>' if written else ''}(x) }}"
    return Graph(text, opset=max(17, since(f"Jpeg{op}")))


@pytest.mark.sampled
@pytest.mark.parametrize("op", sorted(set(FUNCTIONS) - {"Celu"}))
def test_functions(op: str) -> None:
    for attributes in [{}, *variants(f"Jpeg{op}")]:
        graph = of_one_node(op, attributes)
        module = check_pass(graph, NAME, f"ToJpeg Jpeg{op} ToSpatial")
        wanted = {**FUNCTIONS[op], **attributes, "block": 8}
        assert module.graph.nodes[1].attrs == pytest.approx(wanted)
        check_compiled(graph)
        (node,) = module.report.lowered
        assert node.transform_multiply_adds == 2 * 2 * 8 * 3 * 16 * 16


def test_celu() -> None:
    """Celu supports float32 only."""
    for attributes in [{}, *variants("JpegCelu")]:
        graph = of_one_node("Celu", attributes)
        model, module = graph.model("float"), lowered(graph, "float")
        assert outline_of(module) == "ToJpeg JpegCelu ToSpatial"
        feeds = feeds_of(model)
        assert_same(run_float32(emit(module), feeds), run_float32(model, feeds))


@pytest.mark.parametrize("size", ["12,12", "14,14", "10,6", "7,7"])
def test_block_sizes(size: str) -> None:
    module = check_compiled(of_one_node("Sigmoid", {}, size))
    assert kept_reasons(module) == {}


def test_block_size_1_stays() -> None:
    module = module_before(of_one_node("Sigmoid", {}, "7,7"), NAME)
    assert check_untouched(module, NAME) == {}
    assert [node.name for node in module.report.lowered] == ["y"]


def test_vectors_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  f = Flatten(g)  y = Sigmoid(f) }"""
    assert declines(Graph(text), NAME) == {}


def test_declines_unknown_shapes() -> None:
    text = """(T[N,3,16,16] x, int64[4] shape) => (T[A,B,C,D] y) {
        map = Reshape(x, shape)  y = Sigmoid(map) }"""
    assert declines(Graph(text), NAME) == {"y": "map-shape-unknown"}


SCALARS: dict[str, np.ndarray] = {
    "one": np.asarray(1.0),
    "half": np.asarray(0.5),
    "three": np.asarray(3.0),
    "six": np.asarray([6.0]),
    "root": np.asarray(np.sqrt(2.0)),
    "c": np.asarray(0.044715),
    "k": np.asarray(0.79788456),
    "threshold": np.asarray(0.3),
    "w1": random_weight("w1", (3, 3, 1, 1)),
    "b1": np.ones(3),
    "channels": random_weight("channels", (3, 1, 1)),
    "picture": random_weight("picture", (16, 16)),
}
# Activations as exporters write them, and the operators of the compiled graph.
SPELLINGS = {
    "silu": ("s = Sigmoid(x)  y = Mul(x, s)", "JpegSilu"),
    "silu swapped": ("s = Sigmoid(x)  y = Mul(s, x)", "JpegSilu"),
    "quick gelu": ("b = Mul(x, k)  s = Sigmoid(b)  y = Mul(x, s)", "JpegPointwise"),
    "swish of channels": ("b = Mul(x, channels)  s = Sigmoid(b)  y = Mul(x, s)", "JpegPointwise"),
    "silu as quotient": ("n = Neg(x)  e = Exp(n)  d = Add(e, one)  y = Div(x, d)", "JpegPointwise"),
    "gelu": (
        "d = Div(x, root)  e = Erf(d)  a = Add(e, one)  m = Mul(x, a)  y = Mul(m, half)",
        "JpegPointwise Mul",
    ),
    "gelu by tanh": (
        """q = Mul(x, x)  t = Mul(q, x)  u = Mul(t, c)  a = Add(x, u)  b = Mul(a, k)  d = Tanh(b)
        e = Add(d, one)  f = Mul(x, half)  y = Mul(f, e)""",
        "JpegPointwise",
    ),
    "hard swish": (
        "a = Add(x, three)  r = Clip(a, zero, six0)  m = Mul(x, r)  y = Div(m, six)",
        "JpegPointwise Div",
    ),
    "mish": ("s = Softplus(x)  t = Tanh(s)  y = Mul(x, t)", "JpegMish"),
    "mish swapped": ("s = Softplus(x)  t = Tanh(s)  y = Mul(t, x)", "JpegMish"),
    "softplus with threshold": (
        "n = Conv(x, w1, b1)  s = Softplus(n)  g = Greater(n, threshold)  y = Where(g, n, s)",
        "JpegPointwiseConv JpegPointwise",
    ),
    "squared relu": ("r = Relu(x)  y = Mul(r, r)", "JpegRelu JpegPointwise"),
    "cube": ("y = Pow(x, three)", "JpegPointwise"),
    "functions in a row": ("s = Sin(x)  m = Mul(s, half)  y = Tanh(m)", "JpegPointwise"),
    "a mask in numbers": (
        "m = Conv(x, w1, b1)  g = Greater(m, threshold)  n = Cast<to = 11>(g)  y = Mul(m, n)",
        "JpegPointwiseConv JpegPointwise",
    ),
    "a picture of weights": ("s = Sigmoid(x)  m = Mul(s, picture)  y = Mul(m, x)", "JpegPointwise"),
}


def spelled(body: str) -> Graph:
    given = {**SCALARS, "zero": np.asarray(0.0), "six0": np.asarray(6.0)}
    used = {name: value for name, value in given.items() if re.search(rf"\b{name}\b", body)}
    return Graph(f"{ONE_MAP} {{ {body} }}", used)


def operators(outline: str) -> str:
    """Operators without casts and without numbers of programs."""
    return " ".join(op.split("_")[0] for op in outline.split()[1:-1])


@pytest.mark.sampled
@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(name: str) -> None:
    body, expected = SPELLINGS[name]
    graph = spelled(body)
    if name == "a mask in numbers":
        module = lowered(graph)
    else:
        module = check_compiled(graph)
        # Bounds beyond the range of the pixels.
        moving = set(graph.weights) - {"threshold", "zero", "six0"}
        check_fault(graph, *(graph.perturbed(weight) for weight in sorted(moving)))
    assert operators(outline_of(module)) == expected
    assert kept_reasons(module) == {}
    # Every source node is reported exactly once.
    names = [node.name for node in module.report.lowered]
    assert sorted(names) == sorted(node.name for node in graph.model().graph.node)


def test_programs_that_differ_have_different_bodies() -> None:
    text = f"""{ONE_MAP} {{ s = Elu<alpha = 0.5>(x)  a = Mul(x, s)
        t = Elu<alpha = 0.25>(a)  b = Mul(a, t)  u = Elu<alpha = 0.5>(b)  y = Mul(b, u) }}"""
    module = check_compiled(Graph(text))
    first, second, third = (op for op in outline_of(module).split() if "Pointwise" in op)
    assert first == third != second
    assert {f.name for f in emit(module).functions} == {"ToJpeg", "ToSpatial", first, second}


def test_values_that_others_read_stay() -> None:
    text = "(T[N,3,16,16] x) => (T[] y, T[] s) { s = Sigmoid(x)  y = Mul(x, s) }"
    module = check_compiled(Graph(text))
    assert sorted(op for op in outline_of(module).split() if op != "ToSpatial") == [
        "JpegSigmoid",
        "JpegSilu",
        "ToJpeg",
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("y = Div(x, z)", "product-of-maps"),
        ("y = Sqrt(x)", "no-jpeg-domain-form"),
        ("y = Pow(x, half)", "no-jpeg-domain-form"),
        ("y = Where(flag, x, z)", "no-jpeg-domain-form"),
    ],
)
def test_what_is_no_function_of_one_map_is_kept(body: str, reason: str) -> None:
    text = f"(T[N,3,16,16] x, T[N,3,16,16] z, bool[1] flag) => (T[] y) {{ {body} }}"
    weights = {"half": SCALARS["half"]} if "half" in body else {}
    module = lowered(Graph(text, weights))
    assert kept_reasons(module) == {"y": reason}
    graph = Graph(text, weights)
    single = module_before(graph, NAME)
    apply(single, NAME)
    assert not any(node.op.startswith("JpegPointwise") for node in single.graph.nodes)


def test_faults_are_seen() -> None:
    graph = spelled(SPELLINGS["silu"][0])
    check_fault(
        graph, graph.with_text("Sigmoid", "Tanh"), graph.with_text("Mul(x, s)", "Mul(s, s)")
    )


@pytest.mark.parametrize("narrow", [10, 11])
def test_regions_that_change_the_precision(narrow: int) -> None:
    kind = {10: "float16", 11: "double"}[narrow]
    text = f"""(T[N,3,16,16] x) => ({kind}[] y) {{
        s = Sigmoid(x)  h = Cast<to = {narrow}>(s)  y = Tanh(h) }}"""
    model = Graph(text).model("float")
    module = lowered(Graph(text), "float")
    assert [op.split("_")[0] for op in outline_of(module).split()] == [
        "ToJpeg",
        "JpegPointwise",
        "ToSpatial",
        # Float16 is computed in float32, up to the output.
        *(["Cast"] if narrow == 10 else []),
    ]
    feeds = feeds_of(model)
    (actual,), (expected,) = run_float32(emit(module), feeds), run_float32(model, feeds)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=0, atol=4e-3 if narrow == 10 else 1e-6)


def test_infinite_constants_are_no_part_of_a_region() -> None:
    """Infinite values would spread over tiles, so these nodes stay spatial."""
    mask = np.where(np.arange(16) % 5 == 0, np.inf, 0.0)
    graph = Graph(f"{ONE_MAP} {{ d = Sub(x, mask)  y = Sigmoid(d) }}", {"mask": mask})
    assert kept_reasons(check_compiled(graph)) == {
        "d": "operand-not-finite",
        "y": "no-jpeg-domain-form",
    }


@pytest.mark.parametrize("number", ["inf", "-inf", "nan"])
def test_infinite_attributes_are_no_part_of_a_region(number: str) -> None:
    """The text format of programs has finite numbers only."""
    graph = Graph(ONE_MAP + "{ e = Elu<alpha: float = 2.0>(x)  y = Mul(x, e) }")
    assert "Elu" not in outline_of(lowered(graph))
    infinite = lowered(graph.with_text("2.0", number))
    assert "JpegPointwise" not in outline_of(infinite)
    assert "Elu" in outline_of(infinite)
    emit(infinite)
