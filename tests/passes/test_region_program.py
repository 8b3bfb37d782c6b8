"""Regions as programs for kernels and as function bodies; both compute the same as the nodes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support.graphs import (
    Graph,
    assert_differs,
    assert_same,
    check_compiled,
    evaluate,
    feeds_of,
    kept_reasons,
    lowered,
    outline_of,
    random_weight,
    run_float32,
)

from jpegcompile.backends.emit import emit
from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.kernels.pixelwise.reference import jpeg_program
from jpegcompile.operators.pixelwise import PROGRAM, PROGRAMMED
from jpegcompile.runtime.native import execution_of

CONSTANTS = {
    "one": np.asarray(1.0),
    "half": np.asarray(0.5),
    "two": np.asarray(2.0),
    "three": np.asarray(3.0),
    "zero": np.asarray(0.0),
    "six": np.asarray(6.0),
    "root": np.asarray(np.sqrt(2.0)),
    "c": np.asarray(0.044715),
    "k": np.asarray(0.79788456),
    "twenty": np.asarray(20.0),
    "channels": random_weight("channels", (3, 1, 1)),
    "slopes": random_weight("slopes", (1, 3, 1, 1)),
    "picture": random_weight("picture", (16, 16)),
}
# Activations as exporters write them, also with operands in other orders.
SPELLINGS = {
    "gelu": "d = Div(x, root) e = Erf(d) a = Add(e, one) m = Mul(a, x) y = Mul(half, m)",
    "gelu, halved first": "h = Mul(x, half) d = Div(x, root) e = Erf(d) a = Add(one, e)"
    " y = Mul(a, h)",
    "gelu by tanh and a power": "p = Pow(x, three) u = Mul(p, c) a = Add(u, x) b = Mul(k, a)"
    " t = Tanh(b) e = Add(one, t) f = Mul(half, x) y = Mul(e, f)",
    "quick gelu": "b = Mul(k, x) s = Sigmoid(b) y = Mul(s, x)",
    "hard swish": "a = Add(three, x) r = Clip(a, zero, six) m = Mul(r, x) y = Div(m, six)",
    "hard swish of a quotient": "a = Add(x, three) r = Clip(a, zero, six) q = Div(r, six)"
    " y = Mul(q, x)",
    "hard swish by minima": "a = Add(x, three) l = Max(a, zero) r = Min(six, l) y = Mul(r, x)",
    "hard swish by a function": "s = HardSigmoid<alpha = 0.16666667>(x) y = Mul(s, x)",
    "mish by a logarithm of tanh": "s = Softplus(x) t = Tanh(s) u = Mul(t, slopes) y = Mul(u, x)",
    "silu as a quotient": "n = Neg(x) e = Exp(n) d = Add(one, e) y = Div(x, d)",
    "swish of channels": "b = Mul(channels, x) s = Sigmoid(b) y = Mul(s, x)",
    "squared": "r = PRelu(x, channels) s = Sigmoid(x) y = Mul(r, s)",
    "leaky": "r = LeakyRelu<alpha = 0.2>(x) s = Tanh(x) y = Mul(r, s)",
    "sums of many": "s = Sin(x) t = Cos(x) u = Sum(s, t, x, one) v = Max(u, x, s) y = Mul(v, x)",
    "differences": "s = Selu(x) d = Sub(one, s) y = Mul(x, d)",
    "a function of attributes": "s = Elu<alpha = 0.3>(x) y = Mul(s, x)",
    "a square": "y = Mul(x, x)",
    "a cube": "y = Pow(x, three)",
    "one minus tanh": "t = Tanh(x) q = Mul(t, t) y = Sub(one, q) z = Mul(y, x) w = Mul(z, y)",
}


def spelled(body: str, opset: int = 17, size: str = "16,16") -> Graph:
    result = re.findall(r"(\w+) = \w+(?:<[^>]*>)?\(", body)[-1]
    used = {n: v for n, v in CONSTANTS.items() if re.search(rf"\b{n}\b", body)}
    return Graph(f"(T[N,3,{size}] x) => (T[] {result}) {{ {body} }}", used, opset)


@pytest.mark.parametrize("size", ["16,16", "14,6"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(name: str, size: str) -> None:
    """Compare in float64 by function bodies, and in float32 by function bodies and kernels."""
    graph = spelled(SPELLINGS[name], size=size)
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    assert "JpegPointwise_1" in outline_of(module)


@pytest.mark.parametrize("name", SPELLINGS)
def test_steps_and_body_agree(name: str) -> None:
    """The reference computes the program, and a changed step is detected."""
    graph = spelled(SPELLINGS[name])
    module = lowered(graph)
    node = next(node for node in module.graph.nodes if node.op == "JpegPointwise_1")
    constants = np.asarray(node.inputs[1].values)
    pixels = feeds_of(graph.model())["x"]
    program = node.attrs[PROGRAM]
    made = to_spatial(jpeg_program(to_jpeg(pixels, 8), program, constants, block=8), 8)
    # Linear nodes after the region are separate operators.
    factor = 1 / 6 if "Div(m, six)" in graph.text else 0.5 if "Mul(half, m)" in graph.text else 1.0
    expected = evaluate(graph.model(), feeds_of(graph.model()))
    assert_same([made * factor], expected)
    lines = program.splitlines()
    wrong = "\n".join([*lines, f"Add v{len(lines) - 1} x"])
    changed = to_spatial(jpeg_program(to_jpeg(pixels, 8), wrong, constants, block=8), 8)
    assert_differs([changed * factor], expected)


@pytest.mark.parametrize("name", ["gelu", "hard swish", "quick gelu", "leaky"])
def test_kernels_run_them(name: str) -> None:
    compiled = emit(lowered(spelled(SPELLINGS[name]), "float"))
    execution = execution_of(compiled)
    assert execution.library is not None
    assert not execution.bodies


def test_a_choice_by_a_threshold() -> None:
    """Mish as PyTorch's dynamo exporter writes it, of a map with generic values."""
    body = """n = Conv(x, w, b) s = Softplus(n) g = Greater(n, twenty) w1 = Where(g, n, s)
        t = Tanh(w1) y = Mul(n, t)"""
    graph = Graph(
        f"(T[N,3,16,16] x) => (T[] y) {{ {body} }}",
        {"twenty": np.asarray(0.5), "w": (3, 3, 1, 1), "b": np.ones(3)},
    )
    module = check_compiled(graph)
    assert outline_of(module) == "ToJpeg JpegPointwiseConv JpegPointwise_1 ToSpatial"


def test_another_program_gives_another_result() -> None:
    """Two programs in one model have two names, and kernels distinguish them."""
    text = """(T[N,3,16,16] x) => (T[] y) { s = Elu<alpha = 0.5>(x) a = Mul(x, s)
        t = Elu<alpha = 0.25>(a) b = Mul(a, t) u = Elu<alpha = 0.5>(b) y = Mul(b, u) }"""
    module = check_compiled(Graph(text))
    assert [op for op in outline_of(module).split() if "Pointwise" in op] == [
        "JpegPointwise_1",
        "JpegPointwise_2",
        "JpegPointwise_1",
    ]


def test_constants_are_no_part_of_a_program() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) { a = Mul(x, two) s = Sigmoid(a) b = Mul(x, s)
        c = Mul(b, half) t = Sigmoid(c) y = Mul(b, t) }"""
    constants = {name: CONSTANTS[name] for name in ("two", "half")}
    module = check_compiled(Graph(text, constants))
    assert outline_of(module).count("JpegPointwise_1") == 2


@pytest.mark.parametrize(
    ("body", "opset"),
    [
        ("s = Sigmoid(x) m = Mul(s, picture) y = Mul(m, x)", 17),
        ("s = Sigmoid(x) m = Mul(s, half) y = Mul(m, x)", 8),
    ],
)
def test_others_have_a_name_of_their_own(body: str, opset: int) -> None:
    module = check_compiled(spelled(body, opset))
    (op,) = [op for op in outline_of(module).split() if "Pointwise" in op]
    assert re.fullmatch("JpegPointwise_[0-9a-f]{12}", op)


def test_more_programs_than_names() -> None:
    count = len(PROGRAMMED) + 2
    nodes, last = [], "x"
    for number in range(count):
        alpha = 0.5 + number / 64
        nodes.append(f"s{number} = Elu<alpha = {alpha}>({last}) q{number} = Sigmoid(s{number})")
        nodes.append(f"m{number} = Mul(q{number}, {last}) a{number} = Add(m{number}, x)")
        last = f"a{number}"
    text = f"(T[N,3,8,8] x) => (T[] {last}) {{ {' '.join(nodes)} }}"
    module = lowered(Graph(text), "float")
    used = [node.op for node in module.graph.nodes if node.op.startswith("JpegPointwise")]
    assert {operator.name for operator in PROGRAMMED} < set(used)
    assert len(set(used)) == count
    model = Graph(text).model("float")
    feeds = feeds_of(model)
    (expected,) = run_float32(model, feeds)
    for native in (False, True):
        (actual,) = run_float32(emit(module), feeds, native)
        largest = float(np.abs(expected).max())
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * largest)
        assert largest > 1
