"""What ONNX Runtime runs is compiled with its answers, whatever was done to the file."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import parser
from support.graphs import Graph, assert_same, feeds_of, run_float32
from support.refusals import refused_model
from support.sources import NETWORK, check_as_runtime
from support.surgery import KEPT, replace_nodes
from support.tiers import quick_of

import jpegcompile
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.load import load_source

SIZES = Graph(
    """(T[N,3,16,12] x) => (T[N,4] y, T[N,4,16,12] z) {
        z = Conv<pads = [1, 1, 1, 1]>(x, w)  e = Sigmoid(z)  q = Mul(z, e)
        p = AveragePool<kernel_shape = [4, 4], strides = [4, 4]>(q)  i = Shape(p)
        g = Gather(i, zero)  l = Unsqueeze(g, axes)  n = Concat<axis = 0>(l, rest)
        f = Reshape(p, n)  y = MatMul(f, v) }""",
    {
        "w": (4, 3, 3, 3),
        "v": (48, 4),
        "zero": np.asarray(0),
        "axes": np.asarray([0]),
        "rest": np.asarray([-1]),
    },
)

ROUNDED_UP = Graph(
    """(T[N,3,15,15] x) => (T[N,3] y) {
        p = MaxPool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1>(x)
        a = Conv<pads = [1, 1, 1, 1]>(p, w)  r = LeakyRelu(a)
        y = ReduceMean<axes = [2, 3], keepdims = 0>(r) }""",
    {"w": (3, 3, 3, 3)},
    opset=13,
)

NETWORKS = {"network": NETWORK, "sizes": SIZES, "rounded up": ROUNDED_UP}


@pytest.mark.parametrize("network", list(NETWORKS))
@pytest.mark.parametrize("surgery", list(KEPT))
def test_one_surgery(surgery: str, network: str) -> None:
    model = NETWORKS[network].model("float")
    KEPT[surgery](model, random.Random(f"{surgery} {network}"))
    check_as_runtime(model)


@pytest.mark.parametrize("seed", quick_of(range(40), quick=14))
def test_several_surgeries(seed: int) -> None:
    """Whatever several do together: the answers of ONNX Runtime, or one short line."""
    rng = random.Random(seed)
    model = NETWORKS[rng.choice(list(NETWORKS))].model("float")
    # A weight that is there twice must not become another one in one place.
    names = rng.sample([name for name in KEPT if name != "repeat_weights"], 4)
    for name in names:
        if model.graph.initializer or name not in ("make_sparse", "give_out_ends"):
            KEPT[name](model, rng)
    try:
        ort.InferenceSession(model.SerializeToString(), _quiet())
    except Exception:
        # We may take more than ONNX Runtime does, but fail in no other way.
        assert len(_refusal_if_any(model)) < 300
        return
    check_as_runtime(model)


def _refusal_if_any(model: onnx.ModelProto) -> str:
    try:
        jpegcompile.compile(model, input="tensor", image_input="x")
    except UnsupportedModelError as error:
        return str(error)
    return ""


def _quiet() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return options


def test_a_planted_fault_is_seen() -> None:
    model, feeds = NETWORK.model("float"), feeds_of(NETWORK.model("float"))
    wanted = run_float32(model, feeds)
    moved = NETWORK.perturbed("u", 1.0).model("float")
    compiled = jpegcompile.compile(moved, input="tensor").model
    with pytest.raises(AssertionError):
        assert_same(run_float32(compiled, feeds), wanted)


def misspelled(content: bytes, name: bytes) -> bytes:
    """A model whose tensor of a short name has another byte instead, as nodes read and make it."""
    for field in (b"\n\x01", b"\x12\x01"):
        content = content.replace(field + name, field + b"\xe9")
    return content


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    """Inner names and texts are escaped; of inputs and outputs they could not be."""
    model = NETWORK.model("float")
    model.doc_string, model.graph.node[0].name = "DOCUMENTED", "NAMED"
    content = model.SerializeToString()
    path = tmp_path / "model.onnx"
    for name in (b"DOCUMENTED", b"NAMED"):
        content = content.replace(name, b"\xe9" * len(name))
    path.write_bytes(misspelled(content, b"r"))
    source = load_source(path).model
    assert "\\xe9" in source.graph.node[1].output
    assert "\\xe9" in source.graph.node[2].input
    assert source.graph.node[0].name == "\\xe9" * 5
    check_as_runtime(onnx.load_model_from_string(path.read_bytes()))
    path.write_bytes(misspelled(content, b"y"))
    message = refused_model("name-not-utf8", UnsupportedModelError, path)
    assert message.startswith(f"{path}: ")
    assert r"'\\xe9'" in message


def branches(then: str, other: str, outputs: tuple[str, str] = ("p", "q")) -> onnx.ModelProto:
    return parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]> graph
        (float[N,3,16,16] x, bool c) => (float[N,3,16,16] y) {{ a = Neg(x)  b = If(c) <
        then_branch = one () => (float[N,3,16,16] {outputs[0]}) {{ {then} }},
        else_branch = two () => (float[N,3,16,16] {outputs[1]}) {{ {other} }}>  y = Add(b, a) }}"""
    )


def test_branches_are_sorted_and_inferred_afresh() -> None:
    model = branches("m = Abs(a)  p = Relu(m)", "q = Exp(a)")
    for attribute in model.graph.node[1].attribute:
        nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in attribute.g.node]
        del attribute.g.node[:]
        attribute.g.node.extend(nodes[::-1])
        attribute.g.output[0].ClearField("type")
    # The order of the main graph counts for what a branch reads of it.
    replace_nodes(model, list(model.graph.node)[::-1])
    compiled = jpegcompile.compile(model, input="tensor", image_input="x").model
    image = feeds_of(model)["x"].astype(np.float32)
    for condition in (True, False):
        wanted = (np.abs(image) if condition else np.exp(-image)) - image
        outputs = run_float32(compiled, {"x": image, "c": np.asarray(condition)})
        assert_same(outputs, [wanted])


def test_statistics_of_training_below_opset_14() -> None:
    """There nothing but the further outputs says that a BatchNormalization trains."""
    text = """(T[N,3,16,16] x) => (T[N,3,16,16] y) {
        y, mean, var, saved_mean, saved_var = BatchNormalization(x, s, t, m, v) }"""
    weights = {name: np.asarray([0.5, 1.0, 2.0]) for name in "stmv"}
    check_as_runtime(Graph(text, weights, opset=9).model("float"))
