"""What ONNX Runtime runs is compiled, with its answers; the rest is refused in one short line."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper, parser
from support.graphs import Graph, assert_same, feeds_of, run_float32
from support.refusals import refusal
from support.surgery import KEPT, replace_nodes, sparse_tensor

import jpegcompile
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.load import load_source

NETWORK = Graph(
    """(T[N,3,16,16] x) => (T[N,5] y) {
        a = Conv<pads = [1, 1, 1, 1]>(x, w)  r = Relu(a)  p = MaxPool<kernel_shape = [2, 2],
        strides = [2, 2]>(r)  c = Conv<pads = [1, 1, 1, 1]>(p, v, b)  s = Add(c, p)
        t = Clip(s, low, high)  m = ReduceMean<axes = [2, 3], keepdims = 0>(t)
        k = Gemm<transB = 1>(m, u)  y = Softmax(k) }""",
    {
        "w": (8, 3, 3, 3),
        "v": (8, 8, 3, 3),
        "b": (8,),
        "u": (5, 8),
        "low": np.asarray(-0.5),
        "high": np.asarray(0.5),
    },
)
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


def check_as_runtime(model: onnx.ModelProto) -> None:
    """The compiled model gives what ONNX Runtime makes of the file as it is."""
    given = {"x": feeds_of(_only_image(model))["x"]}
    compiled = jpegcompile.compile(model, input="tensor", image_input="x").model
    names = [output.name for output in model.graph.output]
    assert [output.name for output in compiled.graph.output] == names
    assert_same(run_float32(compiled, given), run_float32(model, given))


def _only_image(model: onnx.ModelProto) -> onnx.ModelProto:
    graph = onnx.GraphProto(input=[value for value in model.graph.input if value.name == "x"])
    return onnx.ModelProto(graph=graph)


@pytest.mark.parametrize("network", list(NETWORKS))
@pytest.mark.parametrize("surgery", list(KEPT))
def test_one_surgery(surgery: str, network: str) -> None:
    model = NETWORKS[network].model("float")
    KEPT[surgery](model, random.Random(f"{surgery} {network}"))
    check_as_runtime(model)


@pytest.mark.parametrize("seed", range(40))
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


def test_sparse_weights_by_coordinates_and_in_constants() -> None:
    model = NETWORK.model("float")
    weights = {t.name: numpy_helper.to_array(t).copy() for t in model.graph.initializer}
    for name in ("u", "w"):
        weights[name][np.abs(weights[name]) < 0.2] = 0
    kept = [t for t in model.graph.initializer if t.name not in ("u", "w")]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    u = sparse_tensor("u", weights["u"], coordinates=True)
    model.graph.sparse_initializer.append(u)
    w = sparse_tensor("w", weights["w"])
    model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], sparse_value=w))
    check_as_runtime(model)
    tensors = {t.name: t for t in load_source(model).model.graph.initializer}
    np.testing.assert_array_equal(numpy_helper.to_array(tensors["u"]), weights["u"])


def test_sparse_weights_that_do_not_fit() -> None:
    model = NETWORK.model("float")
    sparse = sparse_tensor("u", np.eye(5, 8, dtype=np.float32))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.asarray([1, 2, 3, 4, 99]), ""))
    model.graph.initializer.remove(next(t for t in model.graph.initializer if t.name == "u"))
    model.graph.sparse_initializer.append(sparse)
    assert refusal(UnsupportedModelError, model) == (
        "model: the values and indices of sparse tensor 'u' do not fit its shape [5, 8]; export it"
        " as a dense one"
    )
    sparse.values.data_location = TensorProto.EXTERNAL
    sparse.values.external_data.add(key="location", value="w.bin")
    model.graph.sparse_initializer[0].CopyFrom(sparse)
    assert refusal(UnsupportedModelError, model) == (
        "model: the values of sparse tensor 'u' are external data; export it as a dense one"
    )


def test_damaged_sparse_weights() -> None:
    def cut(sparse: onnx.SparseTensorProto) -> None:
        sparse.indices.raw_data = sparse.indices.raw_data[:-3]

    def miscount(sparse: onnx.SparseTensorProto) -> None:
        sparse.values.dims[0] += 3

    def turn(sparse: onnx.SparseTensorProto) -> None:
        sparse.dims[0] = -5

    def inflate(sparse: onnx.SparseTensorProto) -> None:
        sparse.dims[:] = [1 << 20, 1 << 40]

    def mistype(sparse: onnx.SparseTensorProto) -> None:
        sparse.values.data_type = 99

    for damage in (cut, miscount, turn, inflate, mistype):
        model = NETWORK.model("float")
        sparse = sparse_tensor("u", np.eye(5, 8, dtype=np.float32))
        damage(sparse)
        model.graph.initializer.remove(next(t for t in model.graph.initializer if t.name == "u"))
        model.graph.sparse_initializer.append(sparse)
        assert "sparse tensor 'u' do not fit its shape" in refusal(UnsupportedModelError, model)


def test_initializers_with_two_fields_of_values() -> None:
    model = NETWORK.model("float")
    bias = next(t for t in model.graph.initializer if t.name == "b")
    bias.float_data.extend([7.0] * 8)
    check_as_runtime(model)


def test_two_initializers_that_differ() -> None:
    """ONNX Runtime takes the last of `b`, and the first of `w`, which is larger."""
    for name in "bw":
        model = NETWORK.model("float")
        weight = next(t for t in model.graph.initializer if t.name == name)
        other = np.zeros_like(numpy_helper.to_array(weight))
        model.graph.initializer.append(numpy_helper.from_array(other, name))
        assert refusal(UnsupportedModelError, model) == (
            f"model: there are two initializers '{name}', and they differ; keep the one that is"
            " meant"
        )


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
    assert refusal(UnsupportedModelError, path) == (
        rf"{path}: the name of input or output '\\xe9' is not UTF-8; export the model with a name"
        " that is"
    )


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


def edited(**changes: str) -> onnx.ModelProto:
    """The network with inputs of nodes renamed: NODE_INDEX = name."""
    model = NETWORK.model("float")
    for key, name in changes.items():
        node, index = key.split("_")
        next(n for n in model.graph.node if n.name == node).input[int(index)] = name
    return model


def test_what_has_no_order() -> None:
    assert refusal(UnsupportedModelError, edited(r_0="gone")) == (
        "model: node 'r' (Relu) reads 'gone', which nothing makes; export the model again, or cut"
        " it where its tensors are made"
    )
    assert refusal(UnsupportedModelError, edited(r_0="r")) == (
        "model: node 'r' (Relu) depends on its own output, by way of 'r'; a model has no loops but"
        " Loop and Scan: export it again"
    )
    assert refusal(UnsupportedModelError, edited(p_0="t")) == (
        "model: node 's' (Add) depends on its own output, by way of 's', 't' and 1 more; a model"
        " has no loops but Loop and Scan: export it again"
    )


def test_tensors_that_are_made_twice() -> None:
    model = NETWORK.model("float")
    model.graph.node.append(helper.make_node("Neg", ["a"], ["r"]))
    assert refusal(UnsupportedModelError, model) == (
        "model: node 'r' (Neg) makes 'r', which another node makes as well; give each tensor a"
        " name of its own"
    )
    model = NETWORK.model("float")
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "s"))
    assert refusal(UnsupportedModelError, model) == (
        "model: node 's' (Add) makes 's', which is an input or an initializer as well; give each"
        " tensor a name of its own"
    )


def test_outputs_that_are_not_there_or_of_another_type() -> None:
    model = NETWORK.model("float")
    model.graph.output.append(onnx.ValueInfoProto(name="nothing"))
    assert refusal(UnsupportedModelError, model) == (
        "model: no node makes output 'nothing'; declare a tensor that a node makes, or export the"
        " model again"
    )
    model = NETWORK.model("float")
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    assert refusal(UnsupportedModelError, model) == (
        "model: output 'y' is declared as float64 but its node makes float32; declare that, or"
        " put a Cast before it"
    )


def test_outputs_whose_rank_nothing_tells() -> None:
    text = "(T[N,3,8,8] x, int64[R] s) => (T[A] y) { r = Relu(x)  y = Reshape(r, s) }"
    model = Graph(text).model("float")
    model.graph.output[0].ClearField("type")
    assert refusal(UnsupportedModelError, model, image_input="x") == (
        "model: output 'y' has no shape, and none follows from the graph; declare its type and"
        " shape, with open sizes if need be"
    )


def test_inputs_without_a_shape() -> None:
    model = NETWORK.model("float")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    assert refusal(UnsupportedModelError, model) == (
        "model: input 'x' has no shape; declare its type and shape, with open sizes if need be"
    )


def test_channels_that_do_not_fit() -> None:
    model = NETWORK.model("float")
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    assert refusal(UnsupportedModelError, model) == (
        "model: Conv 'a' takes 3 channels but 'x' has 4; mend the shape that the model declares of"
        " its input, or its weights"
    )


def test_the_first_complaint_of_the_checker_is_enough() -> None:
    model = NETWORK.model("float")
    model.graph.node[0].attribute.append(helper.make_attribute("dilations", [1]))
    assert refusal(UnsupportedModelError, model) == (
        "model: not a valid ONNX model: Conv 'a': Attribute dilations has incorrect size; export"
        " it again, or mend that"
    )


def test_complaints_have_an_end() -> None:
    model = NETWORK.model("float")
    model.graph.node[0].op_type = "Conv" * 100
    message = refusal(UnsupportedModelError, model)
    assert len(message) < 300
    assert message.endswith("...; export it again, or mend that")


def test_long_names_are_shortened() -> None:
    message = refusal(UnsupportedModelError, edited(r_0="deep/" * 80 + "input"))
    assert len(message) < 300
    assert "/deep/input', which nothing makes" in message


def test_names_stay_on_one_line() -> None:
    message = refusal(UnsupportedModelError, edited(r_0="a\nb\x1b[31m"))
    assert r"'a\nb\x1b[31m'" in message


FUNCTION = """<ir_version: 8, opset_import: ["": 17, "local": 1]>
    graph (float[N,3,16,16] x) => (float[N,3,16,16] y) { y = local.Act(x) }
    <domain: "local", opset_import: ["": 17]> Act (a) => (b) { m = Neg(a)  b = Relu(m) }"""


def test_functions_are_sorted() -> None:
    model = parser.parse_model(FUNCTION)
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in model.functions[0].node]
    del model.functions[0].node[:]
    model.functions[0].node.extend(nodes[::-1])
    operators = [node.op_type for node in load_source(model).model.graph.node]
    assert operators == ["Neg", "Relu"]
    model.functions[0].node[0].input[0] = "gone"
    assert refusal(UnsupportedModelError, model).startswith(
        "model: function 'Act': node 'b' (Relu) reads 'gone', which nothing makes"
    )


def test_functions_that_hide_standard_operators() -> None:
    model = parser.parse_model(FUNCTION)
    model.functions[0].domain, model.functions[0].name = "", "HardSwish"
    assert refusal(UnsupportedModelError, model) == (
        "model: its function 'HardSwish' is in the domain of the standard operators; give it a"
        " domain of its own"
    )


def test_functions_that_cannot_be_inlined(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("GetType: Assertion failed")

    monkeypatch.setattr("onnx.inliner.inline_local_functions", fail)
    assert refusal(UnsupportedModelError, parser.parse_model(FUNCTION)) == (
        "model: its local functions cannot be inlined: GetType: Assertion failed; export the model"
        " without functions"
    )


def test_shapes_that_cannot_be_inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("something is off")

    monkeypatch.setattr("onnx.shape_inference.infer_shapes", fail)
    model = RELU
    assert refusal(UnsupportedModelError, model) == (
        "model: the shapes of its tensors cannot be inferred: something is off; export the model"
        " again"
    )


RELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }").model("float")


def test_models_in_the_format_of_onnx_runtime(tmp_path: Path) -> None:
    path = tmp_path / "model.ort"
    path.write_bytes(b"\x18\x00\x00\x00ORTM" + bytes(40))
    assert refusal(UnsupportedModelError, path) == (
        f"{path}: holds a model in ONNX Runtime's own format; give the .onnx model that it was"
        " made from"
    )


def test_statistics_of_training_below_opset_14() -> None:
    """There nothing but the further outputs says that a BatchNormalization trains."""
    text = """(T[N,3,16,16] x) => (T[N,3,16,16] y) {
        y, mean, var, saved_mean, saved_var = BatchNormalization(x, s, t, m, v) }"""
    weights = {name: np.asarray([0.5, 1.0, 2.0]) for name in "stmv"}
    check_as_runtime(Graph(text, weights, opset=9).model("float"))
