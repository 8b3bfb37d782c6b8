"""Maps have grouped channels exactly if producer and readers support it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, parser
from support.graphs import (
    Graph,
    Weights,
    apply,
    assert_differs,
    assert_same,
    evaluate,
    feeds_of,
    lowered,
    module_before,
    run_float32,
)
from support.grouping import lay_out
from support.operators import GROUPED, PROGRAMS
from support.tiers import check_each

import jpegcompile
from jpegcompile.backends.emit import emit
from jpegcompile.ir.module import Module
from jpegcompile.metadata import read_metadata
from jpegcompile.operators.function import function_of
from jpegcompile.operators.queries import GROUP_ATTRIBUTES
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.runtime.cut import begin_at, expose, without_groups

NAME = "group-channels"
WEIGHTS: Weights = {
    "w1": (16, 3, 3, 3),
    "w2": (16, 16, 3, 3),
    "w3": (32, 16, 1, 1),
    "w4": (8, 32, 3, 3),
    "w5": (16, 16, 1, 1),
    "w7": (8, 3, 3, 3),
    "w6": (8, 16, 1, 1),
    "b": (16,),
    "two": np.asarray(2.0),
    "k": (1, 16, 1, 1),
    "q": (16, 1, 1),
}
PADDED = "Conv<pads = [1, 1, 1, 1]>"
STEM = f"c = {PADDED}(x, w1, b)"


def network(text: str, size: str = "16,16", outputs: str = "T[] y") -> Graph:
    words = set(text.replace("(", " ").replace(",", " ").replace(")", " ").split())
    weights = {name: weight for name, weight in WEIGHTS.items() if name in words}
    return Graph(f"(T[N,3,{size}] x) => ({outputs}) {{ {text} }}", weights)


def groups_of(module: Module) -> dict[str, dict[str, int]]:
    """Group attributes by node name."""
    found = {
        n.name: {k: n.attrs[k] for k in GROUP_ATTRIBUTES if k in n.attrs}
        for n in module.graph.nodes
    }
    return {name: attrs for name, attrs in found.items() if attrs}


def check_layout(graph: Graph) -> dict[str, dict[str, int]]:
    """Check the graph's values in the memory order of the attributes, and return the attributes.

    Each attribute is needed: without it, the elements of the map are in a wrong order.
    """
    model = graph.model()
    feeds = feeds_of(model)
    wanted = evaluate(model, feeds)
    groups = groups_of(lowered(graph, "float"))
    module = lowered(graph, "float")
    assert_same(run_float32(emit(module), feeds), wanted)
    assert lay_out(module) == sum(map(len, groups.values()))
    assert_same(run_float32(emit(module), feeds), wanted)
    for name, attributes in groups.items():
        for attribute in attributes:
            module = lowered(graph, "float")
            (node,) = (n for n in module.graph.nodes if n.name == name)
            del node.attrs[attribute]
            lay_out(module)
            assert_differs(run_float32(emit(module), feeds), wanted)
    return groups


X, Y, R = ({name: 16} for name in ("x_group", "y_group", "residual_group"))


@pytest.mark.parametrize("size", ["16,16", "7,7"])
def test_a_residual_block(size: str) -> None:
    text = f"""{STEM}  r = Relu(c)  d = {PADDED}(r, w2)  t = Relu(d)
        e = {PADDED}(t, w2)  a = Add(e, r)  f = Conv(a, w3)  g = Relu(f)
        h = {PADDED}(g, w4)  y = GlobalAveragePool(h)"""
    groups = check_layout(network(text, size))
    # The map of 8 channels is not grouped.
    assert groups == {"r": Y, "t": X | Y, "a": X | R | Y, "g": X | Y, "h": X}


THROUGH = {"c": Y, "d": X | Y, "y": X}


@pytest.mark.parametrize("size", ["16,16", "7,7"])
@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("m = Mul(c, two)  d = Conv(c, w5)  s = Sub(m, d)  y = Conv(s, w6)", THROUGH),
        ("d = Conv(c, w5)  s = Sum(c, d, c)  y = Conv(s, w6)", THROUGH),
        (f"d = Conv(c, w5)  e = Concat<axis = 1>(c, d)  y = {PADDED}(e, w4)", THROUGH),
        ("d = Mul(c, k)  y = Conv(d, w6)", THROUGH),
        ("n = Neg(c)  i = Identity(n)  y = Conv(i, w6)", {"c": Y, "y": X}),
    ],
)
def test_what_keeps_the_order(text: str, groups: dict[str, dict[str, int]], size: str) -> None:
    assert check_layout(network(f"{STEM}  {text}", size)) == groups


@pytest.mark.parametrize(
    "text",
    [
        "s = Mul(c, q)  y = Conv(s, w6)",
        "t = Transpose<perm = [0, 1, 3, 2]>(c)  y = Conv(t, w6)",
        "d = Conv(c, w5)  s = ReduceMax<axes = [1]>(c)  e = Sub(d, s)  y = Conv(e, w6)",
        "d = Conv(c, w5)  e = Concat<axis = 2>(c, d)  y = Conv(e, w6)",
        "v = GlobalAveragePool(c)  z = Sub(c, v)  y = Conv(z, w6)",
        "s = Softmax<axis = 1>(c)  y = Conv(s, w6)",
        f"o = {PADDED}(x, w7)  d = Concat<axis = 1>(c, o, o)  y = {PADDED}(d, w4)",
    ],
)
def test_what_tells_channels_apart(text: str) -> None:
    graph = network(f"{STEM}  {text}", "7,7")
    assert not {name for name, attrs in check_layout(graph).items() if "y_group" in attrs}
    check_layout(graph.with_text("7,7", "16,16"))


@pytest.mark.parametrize("size", ["16,16", "7,7"])
def test_operators_of_one_map(size: str) -> None:
    for text in (
        "s = Softplus(c)  y = GlobalAveragePool(s)",
        "p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(c)  y = GlobalMaxPool(p)",
        "p = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(c)  y = Conv(p, w6)",
    ):
        check_layout(network(f"{STEM}  {text}", size))


def test_outputs_and_branches_see_maps_as_they_are() -> None:
    graph = network(f"{STEM}  d = {PADDED}(c, w2)  y = Conv(d, w6)", "7,7", "T[] d, T[] y")
    assert check_layout(graph) == {"c": Y, "d": X}
    text = f"""{STEM}
        i = If(k1) <then_branch = one () => (T[N,16,7,7] p) {{ p = Neg(c) }},
                    else_branch = two () => (T[N,16,7,7] q1) {{ q1 = Abs(c) }}>
        y = Conv(c, w3) """
    branching = Graph(
        f"(T[N,3,7,7] x, bool k1) => (T[] y, T[] i) {{ {text} }}",
        {name: WEIGHTS[name] for name in ("w1", "w3", "b")},
    )
    assert groups_of(lowered(branching, "float")) == {}


def test_other_precisions_and_targets_have_no_groups() -> None:
    graph = network(f"{STEM}  r = Relu(c)  y = Conv(r, w6)")
    assert groups_of(lowered(graph, "float")) == {"r": Y, "y": X}
    assert groups_of(lowered(graph)) == groups_of(lowered(graph, "float", "onnx")) == {}


def test_groups_that_do_not_hold_are_taken_back() -> None:
    module = module_before(network(f"{STEM}  r = Relu(c)  y = Conv(r, w6)"), NAME, dtype="float")
    module.graph.nodes[1].attrs["x_group"] = 16
    assert apply(module, NAME)
    assert groups_of(module) == {"r": Y, "y": X}


def test_bodies_declare_the_attributes() -> None:
    check_each(sorted(set(GROUPED) - set(PROGRAMS)), check_declared)


def check_declared(op: str) -> None:
    function = function_of(OPERATORS[op], 17)
    defaults = {a.name: a.i for a in function.attribute_proto if a.name in GROUP_ATTRIBUTES}
    assert defaults == dict.fromkeys(GROUPED[op], 1)
    names = list(function.input)
    for attribute in GROUPED[op]:
        assert attribute.removesuffix("_group") in {*names, *function.output}
    assert ("residual" in names) == ("residual_group" in defaults)


def test_exposed_models_have_no_groups() -> None:
    compiled = emit(lowered(network(f"{STEM}  r = Relu(c)  y = Conv(r, w6)"), "float"))
    exposed = expose(compiled, ["r.jpeg"])
    for model, value in ((compiled, 16), (exposed, 1)):
        found = [a.i for n in model.graph.node for a in n.attribute if a.name in GROUP_ATTRIBUTES]
        assert found == [value, value]


def test_models_that_begin_at_the_image_keep_groups_behind_it() -> None:
    text = f"{STEM}  r = Relu(c)  y = Conv(r, w6)"
    # With two readers of the image, none is fused with the ingest.
    graph = network(f"{text}  z = {PADDED}(x, w7)", outputs="T[] y, T[] z")
    compiled = jpegcompile.compile(graph.model("float"), preprocess="unit").model
    info = read_metadata(compiled, "model")
    assert info is not None
    image = str(info.ingest_output)
    for first, values in ((1, [16, 16]), (16, [1, 1, 1])):
        stem = next(node for node in compiled.graph.node if image in node.input)
        if first != 1:
            stem.attribute.append(helper.make_attribute("x_group", first))
        cut = begin_at(compiled, image, info.input)
        found = [a.i for n in cut.graph.node for a in n.attribute if a.name in GROUP_ATTRIBUTES]
        assert found == values


def test_models_whose_ingest_is_taken_apart_keep_groups() -> None:
    graph = network(f"{STEM}  r = Relu(c)  y = Conv(r, w6)")
    compiled = jpegcompile.compile(graph.model("float"), preprocess="unit").model
    info = read_metadata(compiled, "model")
    assert info is not None
    cut = begin_at(compiled, str(info.ingest_output), info.input)
    for model in (compiled, cut):
        found = [a.i for n in model.graph.node for a in n.attribute if a.name in GROUP_ATTRIBUTES]
        assert found == [16, 16]


def test_attributes_of_other_domains_stay() -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17, "other": 1]> g (float[1] x) => (float[1] y)'
        "{ y = other.Op<x_group = 16>(x) }"
    )
    before = onnx.ModelProto()
    before.CopyFrom(model)
    without_groups(model)
    assert model == before
