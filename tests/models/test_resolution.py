"""Networks at a size other than their training size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from support.codes import refused
from support.exports import EXPORTERS, export
from support.families import FAMILIES, SHALLOW, SMALL, TOLERANCE, Family
from support.graphs import Graph, evaluate, run_float32
from support.open_size import opened, shape_of
from support.resolutions import TO_16, TO_24, TO_MAPS_16, TO_MAPS_24, W, built, resized
from support.third_party import CIFAR10, GRAY, ThirdParty
from support.tiers import thorough

import jpegcompile
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.evaluation.spatial import SpatialModel, readable
from jpegcompile.frontend.resolution.change import Resized
from jpegcompile.frontend.walk import all_graphs
from jpegcompile.input_size import Size
from jpegcompile.messages import code_of

# Its TopK selects positions in a map of the training size.
BOUND = {"CenterNet-like (peaks of heat maps)"}
NETWORKS = [
    family for family in (*FAMILIES, *SHALLOW) if not family.is_deep and family.name not in BOUND
]
# Some of the networks of test size, one of them by the slower exporter.
QUICK = [family for family in SMALL if family.name not in BOUND][::12]


def outputs(model: Resized, images: NDArray[np.float32]) -> list[NDArray[Any]]:
    return list(SpatialModel(model.source, model.taken).run(images).values())


@pytest.mark.parametrize(
    ("family", "exporter"),
    [
        *(
            pytest.param(family, EXPORTERS[number == 1], id=f"{family.name}-small")
            for number, family in enumerate(QUICK)
        ),
        *(
            pytest.param(family, exporter, id=f"{family.name}-{exporter}", marks=[thorough])
            for family in NETWORKS
            for exporter in EXPORTERS
        ),
    ],
)
def test_families(family: Family, exporter: Any, tmp_path: Path) -> None:
    """A model exported at one size computes at another size what PyTorch computes there."""
    network = family.build()
    path = export(network, family.size, tmp_path / "model.onnx", exporter)
    for size in [(family.size * 3 // 4,) * 2, (family.size * 3 // 2, family.size * 5 // 4)]:
        torch.manual_seed(0)
        images = torch.randn(2, 3, *size)
        with torch.no_grad():
            expected = network(images)
        expected = [expected] if isinstance(expected, torch.Tensor) else list(expected)
        found = outputs(resized(path, size), images.numpy())
        for actual, wanted in zip(found, expected, strict=True):
            scale = float(wanted.abs().max())
            np.testing.assert_allclose(actual, wanted.numpy(), rtol=0, atol=TOLERANCE * scale)


def with_global_pool(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite the model by hand for any size: the final 8x8 average becomes global."""
    result = opened(model, *((1, 2) if shape_of(model.graph.input[0])[3] == 3 else (2, 3)))
    for node in result.graph.node:
        if node.op_type == "AveragePool":
            node.op_type = "GlobalAveragePool"
            del node.attribute[:]
    return readable(result)


@pytest.mark.shared
@pytest.mark.parametrize("size", [(24, 24), (20, 28), (64, 40)])
@pytest.mark.parametrize(
    "model",
    [m for m in (*CIFAR10, GRAY) if m.name != "vnncomp_resnet_2b"],
    ids=lambda model: model.name,
)
def test_third_party_models(model: ThirdParty, size: Size, shared: Path) -> None:
    changed = resized(model.path(shared), size)
    generator = np.random.default_rng(0)
    images = generator.standard_normal((1, *changed.taken.shape)).astype(np.float32)
    by_hand = with_global_pool(onnx.load(model.path(shared)))
    expected = run_float32(by_hand, {changed.taken.name: images})
    for actual, wanted in zip(outputs(changed, images), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.shared
def test_a_head_that_depends_on_position(shared: Path) -> None:
    path = shared / "models" / "vnncomp_resnet_2b.onnx"
    with refused("resolution-product-by-position", UnsupportedModelError) as raised:
        jpegcompile.compile(path, preprocess="cifar10", resolution="24x24")
    assert "node 'Gemm_14' (Gemm)" in str(raised.value)
    assert "32x32" in str(raised.value)
    assert raised.value.exit_code == 3


# Attention by rows and columns. The middle part computes o and q from e.
JOINED = (
    "r = ReduceMean <axes = [3]> (h)  m = ReduceMean <axes = [2]> (h)"
    "  c = Transpose <perm = [0,1,3,2]> (m)  a = Concat <axis = 2> (r, c)  e = Sigmoid(a)"
)
GATED = "t = Transpose <perm = [0,1,3,2]> (q)  g = Mul(o, t)  y = Mul(h, g) }"
FOLLOWING: dict[str, tuple[str, str, Mapping[str, Any]]] = {
    "average pool over the map": (
        TO_16 + "p = AveragePool <kernel_shape = [16,16]> (h)  y = Flatten(p) }",
        TO_24 + "p = GlobalAveragePool(h)  y = Flatten(p) }",
        {},
    ),
    "padded average pool that does not count padding": (
        TO_16 + "p = AveragePool <kernel_shape = [18,18], pads = [1,1,1,1]> (h)  y = Flatten(p) }",
        TO_24 + "p = GlobalAveragePool(h)  y = Flatten(p) }",
        {},
    ),
    "largest of the map": (
        TO_16 + "p = MaxPool <kernel_shape = [16,16]> (h)  y = Flatten(p) }",
        TO_24 + "p = GlobalMaxPool(h)  y = Flatten(p) }",
        {},
    ),
    "mean over a flattened map of a written shape": (
        TO_16 + "s = Constant <value_ints = [0,4,256]> ()  f = Reshape(h, s)"
        "  y = ReduceMean <axes = [2], keepdims = 0> (f) }",
        TO_24 + "y = ReduceMean <axes = [2,3], keepdims = 0> (h) }",
        {},
    ),
    "attention over positions": (
        TO_MAPS_16 + "s = Constant <value_ints = [0,4,256]> ()  f = Reshape(h, s)"
        "  t = Transpose <perm = [0,2,1]> (f)  a = MatMul(f, t)  b = MatMul(a, f)"
        "  m = Constant <value_ints = [0,4,16,16]> ()  y = Reshape(b, m) }",
        TO_MAPS_24 + "s = Constant <value_ints = [0,4,576]> ()  f = Reshape(h, s)"
        "  t = Transpose <perm = [0,2,1]> (f)  a = MatMul(f, t)  b = MatMul(a, f)"
        "  m = Constant <value_ints = [0,4,24,24]> ()  y = Reshape(b, m) }",
        {},
    ),
    "groups of channels": (
        TO_MAPS_16 + "s = Constant <value_ints = [0,2,512]> ()  f = Reshape(h, s)  g = Exp(f)"
        "  m = Constant <value_ints = [0,4,16,16]> ()  y = Reshape(g, m) }",
        TO_MAPS_24 + "y = Exp(h) }",
        {},
    ),
    "groups of channels that stand last": (
        TO_MAPS_16 + "l = Transpose <perm = [0,2,3,1]> (h)"
        "  s = Constant <value_ints = [0,512,2]> ()  f = Reshape(l, s)"
        "  y1 = ReduceMean <axes = [1], keepdims = 1> (f)"
        "  q = Constant <value_ints = [0,1,1,2]> ()  y = Reshape(y1, q) }",
        TO_MAPS_24 + "l = Transpose <perm = [0,2,3,1]> (h)"
        "  s = Constant <value_ints = [0,1152,2]> ()  f = Reshape(l, s)"
        "  y1 = ReduceMean <axes = [1], keepdims = 1> (f)"
        "  q = Constant <value_ints = [0,1,1,2]> ()  y = Reshape(y1, q) }",
        {},
    ),
    "blocks of pixels": (
        TO_MAPS_16 + "s = Constant <value_ints = [0,4,8,2,8,2]> ()  f = Reshape(h, s)"
        "  t = Transpose <perm = [0,1,3,5,2,4]> (f)"
        "  m = Constant <value_ints = [0,16,8,8]> ()  y = Reshape(t, m) }",
        TO_MAPS_24 + "s = Constant <value_ints = [0,4,12,2,12,2]> ()  f = Reshape(h, s)"
        "  t = Transpose <perm = [0,1,3,5,2,4]> (f)"
        "  m = Constant <value_ints = [0,16,12,12]> ()  y = Reshape(t, m) }",
        {},
    ),
    "upsampling to the size of another map": (
        TO_MAPS_16.replace("N", "2") + "p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (h)"
        "  u = Resize(p, , , to)  y = Add(u, h) }",
        TO_MAPS_24 + "p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (h)"
        "  u = Resize(p, , by)  y = Add(u, h) }",
        {"to": np.array([2, 4, 16, 16]), "by": np.array([1, 1, 2, 2], np.float32)},
    ),
    "upsampling of one pixel by a factor": (
        TO_MAPS_16 + "p = GlobalAveragePool(h)  u = Resize(p, , by)  y = Add(u, h) }",
        TO_MAPS_24 + "p = GlobalAveragePool(h)  y = Add(p, h) }",
        {"by": np.array([1, 1, 16, 16], np.float32)},
    ),
    "upsampling to a size that no other map has": (
        TO_MAPS_16 + "y = Resize(h, , , to) }",
        TO_MAPS_24 + "y = Resize(h, , by) }",
        {"to": np.array([2, 4, 48, 48]), "by": np.array([1, 1, 3, 3], np.float32)},
    ),
    "every other pixel up to a written end": (
        TO_MAPS_16 + "y = Slice(h, first, last, axes, steps) }",
        TO_MAPS_24 + "y = Slice(h, first, far, axes, steps) }",
        {
            "first": np.array([1, 0]),
            "last": np.array([16, 16]),
            "far": np.array([24, 24]),
            "axes": np.array([2, 3]),
            "steps": np.array([2, 2]),
        },
    ),
    "every channel for itself": (
        TO_16 + "s = Constant <value_ints = [-1,1,256]> ()  f = Reshape(h, s)"
        "  g = ReduceMax <axes = [2], keepdims = 1> (f)"
        "  t = Constant <value_ints = [-1,4]> ()  y = Reshape(g, t) }",
        TO_24 + "g = GlobalMaxPool(h)  y = Flatten(g) }",
        {},
    ),
    "a gate that is spread over the map": (
        TO_MAPS_16 + "p = GlobalAveragePool(h)  g = Sigmoid(p)  n = Shape <end = 1> (g)"
        "  r = Constant <value_ints = [4,16,16]> ()  s = Concat <axis = 0> (n, r)"
        "  e = Expand(g, s)  y = Mul(h, e) }",
        TO_MAPS_24 + "p = GlobalAveragePool(h)  g = Sigmoid(p)  y = Mul(h, g) }",
        {},
    ),
    "means of rows and columns, joined and split again": (
        TO_MAPS_16 + f"{JOINED}  o, q = Split <axis = 2> (e, sizes)  {GATED}",
        TO_MAPS_24 + f"{JOINED}  o, q = Split <axis = 2> (e, at24)  {GATED}",
        {"sizes": np.array([16, 16]), "at24": np.array([24, 24])},
    ),
    "joined, and cut where the graph computes it": (
        TO_MAPS_16 + f"{JOINED}  n = Shape <start = 2, end = 3> (h)  z = Sub(n, n)  d = Add(n, n)"
        f"  o = Slice(e, z, n, two)  q = Slice(e, n, d, two)  {GATED}",
        TO_MAPS_24 + f"{JOINED}  o, q = Split <axis = 2> (e, at24)  {GATED}",
        {"two": np.array([2]), "at24": np.array([24, 24])},
    ),
    "sizes that the graph computes": (
        TO_16 + "s = Shape <end = 1> (h)  r = Constant <value_ints = [-1]> ()"
        "  g = GlobalAveragePool(h)  t = Concat <axis = 0> (s, r)  y = Reshape(g, t) }",
        TO_24 + "g = GlobalAveragePool(h)  y = Flatten(g) }",
        {},
    ),
}


@pytest.mark.parametrize("case", FOLLOWING)
def test_what_follows(case: str) -> None:
    before, by_hand, weights = FOLLOWING[case]
    images = np.random.default_rng(0).standard_normal((2, 3, 24, 24)).astype(np.float32)
    expected = evaluate(built(by_hand, weights), {"x": images})[0]
    changed = resized(built(before, weights), (24, 24))
    (actual,) = outputs(changed, images)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("opset", [11, 13, 18])
@pytest.mark.parametrize("size", [(24, 24), (24, 20)])
@pytest.mark.parametrize("sizes", ["equal", "written"])
def test_joined_sides_are_split_in_every_opset(opset: int, size: Size, sizes: str) -> None:
    """The part sizes of Split are an attribute, an input, or equal by default."""

    def model(written: Size | None, header: str) -> onnx.ModelProto:
        parts, given, joined = "", {"three": np.array([3]), "two": np.array([2])}, JOINED
        if written and opset < 13:
            parts = f", split = [{written[0]}, {written[1]}]"
        elif written:
            given["sizes"] = np.array(written)
        elif opset == 18:
            parts = ", num_outputs = 2"
        if opset == 18:
            joined = joined.replace("<axes = [3]> (h)", "(h, three)")
            joined = joined.replace("<axes = [2]> (h)", "(h, two)")
        split = f"o, q = Split <axis = 2{parts}> (e{', sizes' if 'sizes' in given else ''})"
        text = header + f"{joined}  {split}  {GATED}"
        used = {name: value for name, value in given.items() if re.search(rf", {name}\b", text)}
        return Graph(text, {**W, **used}, opset=opset).model("float")

    trained = model((16, 16) if sizes == "written" else None, TO_MAPS_16)
    by_hand = model(size, TO_MAPS_16.replace("16,16] x", f"{size[0]},{size[1]}] x"))
    images = np.random.default_rng(0).standard_normal((2, 3, *size)).astype(np.float32)
    expected = evaluate(by_hand, {"x": images})[0]
    (actual,) = outputs(resized(trained, size), images)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_a_pool_of_the_trained_size_would_be_wrong() -> None:
    """The test above detects a window that keeps its exported size."""
    text = FOLLOWING["average pool over the map"][0].replace("16,16] x", "24,24] x")
    images = np.random.default_rng(0).standard_normal((1, 3, 24, 24)).astype(np.float32)
    assert evaluate(built(text, {}), {"x": images})[0].shape == (1, 4 * 9 * 9)


def test_nothing_of_the_trained_size_is_left() -> None:
    model = built(FOLLOWING["average pool over the map"][0], {})
    declared = onnx.shape_inference.infer_shapes(model)
    assert any(17 > d > 10 for v in declared.graph.value_info for d in _sizes(v)[2:])
    changed = resized(declared, (24, 24)).source.model
    for graph in all_graphs(changed.graph):
        assert not graph.value_info
    assert shape_of(changed.graph.input[0]) == ["N", 3, 24, 24]
    maps = Graph(TO_MAPS_16 + "y = Relu(h) }", W).model("float")
    assert shape_of(maps.graph.output[0])[2:] == [16, 16]
    assert shape_of(resized(maps, (24, 40)).source.model.graph.output[0])[2:] == [24, 40]


def _sizes(value: onnx.ValueInfoProto) -> list[int]:
    return [d.dim_value for d in value.type.tensor_type.shape.dim]


def test_sizes_that_the_model_leaves_open() -> None:
    """--input-size sets the training size, and --resolution the size to run at."""
    model = opened(built(FOLLOWING["average pool over the map"][0], {}), 2, 3)
    compiled = jpegcompile.compile(model, input="tensor", input_size="16x16", resolution="24x24")
    assert compiled.report.trained_size == (16, 16)
    (changed,) = [n for n in compiled.report.notes if code_of(n) == "resolution-changed"]
    assert "24x24" in changed
    assert "16x16" in changed
    (note,) = [n for n in compiled.report.notes if code_of(n) == "nodes-resized"]
    assert note.endswith(": 'p'")
    assert shape_of(compiled.model.graph.input[0]) == ["N", 3, 24, 24]
    with pytest.raises(UnsupportedModelError, match="--input-size"):
        jpegcompile.compile(model, input="tensor", resolution="24x24")


def test_the_trained_size_changes_nothing() -> None:
    model = built(FOLLOWING["average pool over the map"][0], {})
    plain = jpegcompile.compile(model, input="tensor")
    same = jpegcompile.compile(model, input="tensor", resolution=(16, 16))
    assert same.model.SerializeToString() == plain.model.SerializeToString()
    assert same.report.trained_size is None


def test_an_output_that_grows_is_noted() -> None:
    model = built(TO_16 + "y = Flatten(h) }", {})
    notes = jpegcompile.compile(model, input="tensor", resolution="24x24").report.notes
    (note,) = [n for n in notes if code_of(n) == "output-resized"]
    assert note.startswith("output 'y' is [2304] ")
    assert "[1024]" in note


def test_what_is_no_resolution() -> None:
    with refused("size-unreadable", UsageError):
        jpegcompile.compile(built(TO_16 + "y = Flatten(h) }", {}), resolution="24")
