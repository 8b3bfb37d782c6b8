"""A convolution is fused with a residual input and an activation, and values stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import onnx
import pytest
from onnx import helper
from support.graphs import (
    TENSOR,
    Graph,
    Weights,
    apply,
    assert_same,
    check_compiled,
    check_fault,
    check_untouched,
    evaluate,
    feeds_of,
    lowered,
    module_before,
    outline_of,
    run_float32,
)
from support.half_precision import halved
from support.plans import planned_options

from jpegcompile.backends.emit import emit
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.lowering import lower
from jpegcompile.passes.lower.keep_exact import KeepExact
from jpegcompile.target.onnx import ONNX
from jpegcompile.target.registry import TARGETS

NAME = "fuse-convolution"
PADDED = "Conv<pads = [1, 1, 1, 1]>"
WEIGHTS: Weights = {
    "w": (4, 4, 3, 3),
    "p": (4, 4, 1, 1),
    "b": (4,),
    "s": (4, 1, 1),
    "one": np.asarray([0.25]),
    "low": np.asarray(-0.5),
    "high": np.asarray(0.75),
}
ACTIVATIONS = {
    "Relu": ("Relu(t)", ()),
    "PRelu": ("PRelu(t, s)", ("s",)),
    "PRelu of one": ("PRelu(t, one)", ("one",)),
    "LeakyRelu": ("LeakyRelu<alpha = 0.125>(t)", ()),
    "Clip": ("Clip(t, low, high)", ("low", "high")),
    "Clip below": ("Clip(t, low)", ("low",)),
}
KINDS = {name: name.split()[0].removeprefix("Leaky") for name in ACTIVATIONS} | {
    "LeakyRelu": "PRelu"
}
# Convolution, its operator, and a map size with block size 8 or 1.
BASES = {
    "jpeg": (f"{PADDED}(x, w, b)", "JpegConv", "16,16"),
    "pointwise": ("Conv(x, p, b)", "JpegPointwiseConv", "16,16"),
    "spatial": (f"{PADDED}(x, w, b)", "SpatialConv", "7,9"),
}


def network(text: str, size: str = "16,16", more: str = "", opset: int = 17) -> Graph:
    """Nodes that compute y from a map x, with their weights."""
    read = {word.strip(" ,)") for word in text.replace("(", " ").split()}
    weights = {name: weight for name, weight in WEIGHTS.items() if name in read}
    return Graph(f"(T[N,4,{size}] x{more}) => (T[] y) {{ {text} }}", weights, opset)


def fused(graph: Graph, **options: Any) -> Module:
    """Run the pipeline up to and including the pass, which must change the graph."""
    module = module_before(graph, NAME, replace(TENSOR, **options))
    assert apply(module, NAME)
    feeds = feeds_of(graph.model())
    assert_same(evaluate(emit(module), feeds), evaluate(graph.model(), feeds))
    return module


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("added", [False, True])
def test_every_operator(base: str, activation: str, added: bool) -> None:
    convolution, op, size = BASES[base]
    text = ACTIVATIONS[activation][0]
    text = (
        f"c = {convolution}  a = Add(c, x)  y = {text}"
        if added
        else f"t = {convolution} y = {text}"
    )
    graph = network(text.replace("(t", "(a") if added else text, size)
    module = check_compiled(graph)
    name = f"{op}{'Add' if added else ''}{KINDS[activation]}"
    assert [o for o in outline_of(module).split() if not o.startswith("To")] == [name]
    check_fault(graph, graph.perturbed("b", 1e-4))


@pytest.mark.parametrize("base", BASES)
def test_a_sum_alone(base: str) -> None:
    convolution, op, size = BASES[base]
    for operands in ("c, x", "x, c"):
        module = check_compiled(network(f"c = {convolution}  y = Add({operands})", size))
        assert f"{op}Add" in outline_of(module).split()


@pytest.mark.parametrize("opset", [7, 10, 11])
@pytest.mark.parametrize("size", ["16,16", "7,9"])
def test_older_opsets(opset: int, size: str) -> None:
    bounds = "Clip<min = -0.5, max = 0.75>(a)" if opset < 11 else "Clip(a, low, high)"
    text = f"c = {PADDED}(x, w)  a = Add(x, c)  y = {bounds}"
    module = check_compiled(network(text, size, opset=opset))
    assert outline_of(module).split()[-1 if size == "7,9" else 1].endswith("ConvAddClip")


def test_inputs_and_attributes_of_a_jpeg_convolution() -> None:
    module = fused(
        network(f"c = {PADDED}(x, w, b)  a = Add(x, c)  y = Clip(a, low, high)", "16,24")
    )
    cast, node, _ = module.graph.nodes
    assert (node.name, node.domain) == ("y", "jpegcompile")
    assert node.attrs == {
        "strides": [1, 1],
        "pads": [1, 1, 1, 1],
        "dilations": [1, 1],
        "group": 1,
        "input_block": 8,
        "output_block": 8,
    }
    image = cast.outputs[0].name
    assert module.twins[image] == "x"
    matrices = ["idct.16.b8", "dct.24.b8", "dct.16.b8", "idct.24.b8", "idct.16.b8", "dct.24.b8"]
    assert [t.name for t in node.inputs] == [
        *(image, "w", "b", image, "y.low", "y.high"),
        *(f"jpegcompile.{matrix}.float64" for matrix in matrices),
    ]
    assert node.outputs[0].name == "y.jpeg"
    assert {"c.jpeg", "a.jpeg"}.isdisjoint({*module.twins, *module.blocks})
    assert (module.twins["y.jpeg"], module.blocks["y.jpeg"]) == ("y", 8)


def test_inputs_and_attributes_of_a_pointwise_convolution() -> None:
    module = fused(network("c = Conv(x, p, b)  a = Add(x, c)  y = PRelu(a, s)", "16,24"))
    node = module.graph.nodes[1]
    assert node.attrs == {"group": 1, "block": 8}
    image = module.graph.nodes[0].outputs[0].name
    matrices = ["idct.16.b8", "dct.24.b8", "dct.16.b8", "idct.24.b8"]
    assert [t.name for t in node.inputs] == [
        *(image, "p", "b.channels", image, "s"),
        *(f"jpegcompile.{matrix}.float64" for matrix in matrices),
    ]
    module = fused(network("c = Conv(x, p, b)  y = Add(x, c)", "16,24"))
    image = module.graph.nodes[0].outputs[0].name
    assert [t.name for t in module.graph.nodes[1].inputs] == [
        *(image, "p", "b.channels", image, "jpegcompile.dc.16x24.b8.float64")
    ]


def test_inputs_and_attributes_of_a_spatial_convolution() -> None:
    text = "c = Conv<pads = [0, 1, 2, 1], dilations = [1, 1], group = 1>(x, w)  y = Relu(c)"
    module = fused(network(text, "7,7"))
    (node,) = module.graph.nodes
    assert node.attrs == {
        "strides": [1, 1],
        "pads": [0, 1, 2, 1],
        "dilations": [1, 1],
        "group": 1,
    }
    assert [t.name for t in node.inputs] == ["x", "w", "c.bias"]
    assert not np.any(value_of(node.inputs[2]))
    assert module.twins == {"y": "y"}
    module = fused(network(f"c = {PADDED}(x, w, b)  y = LeakyRelu<alpha = 0.125>(c)", "7,7"))
    assert [t.name for t in module.graph.nodes[0].inputs] == ["x", "w", "b", "y.alpha"]


def test_from_the_jpeg_domain_to_block_size_1() -> None:
    """The activation after it stays a separate node."""
    graph = network("c = Conv<strides = [2, 2]>(x, w)  y = Relu(c)", "16,16")
    module = check_compiled(graph, "ToJpeg JpegConvRelu")
    assert module.graph.nodes[1].attrs["output_block"] == 1


def test_the_later_of_two_convolutions_takes_the_sum() -> None:
    for first, last in (("c", "d"), ("d", "c")):
        nodes = {"c": f"c = {PADDED}(x, w, b)", "d": "d = Conv(x, p)"}
        text = f"{nodes[first]}  {nodes[last]}  a = Add(c, d)  y = Relu(a)"
        for size in ("16,16", "7,7"):
            graph = network(text, size)
            before = [n for n in module_before(graph, NAME).graph.nodes if "Conv" in n.op]
            _, node = (n for n in check_compiled(graph).graph.nodes if "Conv" in n.op)
            weight = before[-1].inputs[1].name
            assert (node.inputs[1].name, node.op[-7:]) == (weight, "AddRelu")


def test_a_block_of_a_residual_network() -> None:
    text = f"""c = {PADDED}(x, w, b)  r = Relu(c)  d = {PADDED}(r, w)  a = Add(d, x)  t = Relu(a)
        e = {PADDED}(t, w)  y = Add(t, e)"""
    for size in ("16,16", "7,7"):
        graph = network(text, size)
        module = check_compiled(graph)
        base = "JpegConv" if size == "16,16" else "SpatialConv"
        assert [o for o in outline_of(module).split() if not o.startswith("To")] == [
            *(f"{base}Relu", f"{base}AddRelu", f"{base}Add")
        ]
        check_fault(graph, graph.perturbed("w", 1e-5), graph.perturbed("b", 1e-5))
        assert {n.name for n in module.report.lowered} == {"c", "r", "d", "a", "t", "e", "y"}


@pytest.mark.parametrize(
    ("text", "jpeg", "spatial"),
    [
        # Tensors with two readers.
        ("r = Relu(c)  y = Concat<axis = 1>(r, c)", "JpegRelu Concat", "Relu Concat"),
        ("y = Add(c, c)", "Add", "Add"),
        ("a = Add(c, x)  r = Relu(a)  y = Concat<axis = 1>(a, r)", None, None),
        # Another shape, or another operator.
        ("y = Add(c, m)", "Add", "Add"),
        ("y = Sub(c, x)", "Sub", "Sub"),
        ("y = Sum(c, x, x)", "Sum", "Sum"),
        ("y = PRelu(c, q)", "JpegPRelu", "PRelu"),
        ("n = Neg(c)  y = Relu(n)", "Neg JpegRelu", "Neg Relu"),
    ],
)
@pytest.mark.parametrize("size", ["16,16", "7,7"])
def test_what_does_not_fit_stays(
    text: str, jpeg: str | None, spatial: str | None, size: str
) -> None:
    """A sum with two readers is fused, but not its readers."""
    graph = network(f"c = {PADDED}(x, w)  {text}", size)
    shape = tuple(map(int, size.split(",")))
    weights = {name: (4, *shape) for name in ("q", "m") if f", {name})" in text}
    module = check_compiled(Graph(graph.text, {**graph.weights, **weights}))
    is_jpeg = size == "16,16"
    found = [o for o in outline_of(module).split() if not o.startswith("To")]
    base, rest = ("JpegConv", jpeg) if is_jpeg else ("SpatialConv", spatial)
    relu = "JpegRelu" if is_jpeg else "Relu"
    assert found == ([base, *rest.split()] if rest else [f"{base}Add", relu, "Concat"])


def test_outputs_of_the_graph_stay() -> None:
    text = f"(T[N,4,16,16] x) => (T[] c, T[] y) {{ c = {PADDED}(x, w)  y = Relu(c) }}"
    module = check_compiled(Graph(text, {"w": WEIGHTS["w"]}))
    assert "JpegConvRelu" not in outline_of(module)
    text = text.replace("16,16", "7,7")
    check_compiled(Graph(text, {"w": WEIGHTS["w"]}), "SpatialConv Relu")


def test_a_reader_in_a_branch_is_none() -> None:
    text = f"""(T[N,4,7,7] x, bool k) => (T[] y) {{
        c = {PADDED}(x, w)
        i = If(k) <then_branch = one () => (T[N,4,7,7] p) {{ p = Relu(c) }},
                   else_branch = two () => (T[N,4,7,7] q) {{ q = Neg(x) }}>
        y = Neg(i) }}"""
    graph = Graph(text, {"w": WEIGHTS["w"]})
    # Other passes exclude tensors that a branch reads, but this pass must not rely on that.
    assert outline_of(lowered(graph)) == "Conv If Neg"
    model = graph.model("float")
    with mock.patch.object(KeepExact, "run", return_value=False):
        module = lowered(graph, "float")
    assert outline_of(module) == "SpatialConv If Neg"
    for choice in (True, False):
        feeds = {**feeds_of(model), "k": np.asarray(choice)}
        assert_same(run_float32(emit(module), feeds), run_float32(model, feeds))


def test_approximated_masks_stay_apart_and_truncation_does_not() -> None:
    graph = network(f"c = {PADDED}(x, w)  r = Relu(c)  d = {PADDED}(r, w)  y = Relu(d)")
    asm = lower(load_source(graph.model()), planned_options(frequencies=6))
    assert outline_of(asm) == "ToJpeg JpegConv JpegAsmRelu JpegConv JpegAsmRelu ToSpatial"
    kept = lower(load_source(graph.model()), planned_options(truncate=6))
    assert outline_of(kept) == "ToJpeg JpegConvReluTruncate JpegConvReluTruncate ToSpatial"
    assert kept.report.node("r").truncate == 6
    fused = kept.graph.nodes[1]
    assert (fused.name, fused.outputs[0].name) == ("r", "r.jpeg.truncated")
    assert fused.attrs["frequencies"] == 6
    assert kept.twins["r.jpeg.truncated"] == "r"
    assert "r.jpeg" not in kept.twins
    both = lower(load_source(graph.model()), planned_options(frequencies=6, truncate=6))
    assert outline_of(both) == (
        "ToJpeg JpegConv JpegAsmRelu JpegTruncate JpegConv JpegAsmRelu JpegTruncate ToSpatial"
    )


def test_for_standard_operators_spatial_convolutions_stay() -> None:
    graph = network(f"c = {PADDED}(x, w)  r = Relu(c)  y = Conv<strides = [2, 2]>(r, w)", "16,16")
    module = module_before(graph, NAME, replace(TENSOR, target=ONNX))
    assert apply(module, NAME)
    assert outline_of(module) == "ToJpeg JpegConvRelu JpegConv"
    spatial = network(f"c = {PADDED}(x, w)  y = Relu(c)", "7,7")
    module = module_before(spatial, NAME, replace(TENSOR, target=ONNX))
    check_untouched(module, NAME)
    assert outline_of(module) == "Conv Relu"


def test_fused_bodies_transform_less() -> None:
    """Adding pixels requires one more transform, and saves two others."""
    graph = network(f"c = {PADDED}(x, w)  a = Add(c, x)  y = Relu(a)")
    before = module_before(graph, NAME).report
    after = lowered(graph).report
    one = 2 * 8 * 4 * 16 * 16
    assert [before.node(n).transform_multiply_adds for n in "cay"] == [2 * one, 0, 2 * one]
    assert [after.node(n).transform_multiply_adds for n in "cay"] == [one, one, one]
    emitted = emit(lowered(graph, "float", "onnx"))
    # Each transform is two products; the image and the output are cast.
    products = sum(node.op_type == "MatMul" for node in emitted.graph.node)
    assert products == 2 * (3 + 2)


@pytest.mark.parametrize("target", ["ort", "onnx"])
@pytest.mark.parametrize("size", ["16,16", "7,7"])
def test_half_precision(size: str, target: str) -> None:
    graph = network(f"c = {PADDED}(x, w, b)  a = Add(c, x)  y = Clip(a, low, high)", size)
    model = halved(graph.model("float"))
    module = lower(load_source(model), replace(TENSOR, target=TARGETS[target]))
    assert ("ConvAddClip" in outline_of(module)) == (target == "ort" or size == "16,16")
    compiled = emit(module)
    onnx.checker.check_model(compiled, full_check=True)
    feeds = feeds_of(model)
    wanted = evaluate(graph.model(), {name: v.astype(np.float64) for name, v in feeds.items()})
    (actual,) = run_float32(compiled, feeds)
    assert actual.dtype == helper.tensor_dtype_to_np_dtype(onnx.TensorProto.FLOAT16)
    np.testing.assert_allclose(actual, wanted[0], rtol=0, atol=0.02)
