"""Loading source models, and the errors of files that cannot be compiled."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper, parser
from support.graphs import Graph, evaluate, feeds_of, run_float32
from support.refusals import refused_model

import jpegcompile
from jpegcompile.errors import AccessError, UnsupportedModelError
from jpegcompile.frontend.load import load_source, newest_opset

CONVOLUTION = Graph("(T[N,3,16,16] x) => (T[] y) { y = Conv(x, w) }", {"w": (3, 3, 1, 1)})
RELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }")


def written(path: Path, model: onnx.ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "model-without-graph"),
        (b"hello, world\n", "model-not-onnx"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "model-not-onnx"),
        (b"\x08\x08", "model-without-graph"),
    ],
)
def test_files_that_are_not_models(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert refused_model(code, UnsupportedModelError, path).startswith(f"{path}: ")


def test_a_truncated_model(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(CONVOLUTION.model("float").SerializeToString()[:-20])
    refused_model("model-not-onnx", UnsupportedModelError, path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    message = refused_model("model-unreadable", AccessError, path)
    assert message.startswith(f"{path}: ")
    assert "No such file or directory" in message
    message = refused_model("model-unreadable", AccessError, tmp_path)
    assert message.startswith(f"{tmp_path}: ")
    assert "Is a directory" in message


def external(location: str, **entries: int | str) -> onnx.ModelProto:
    """The convolution with its weights, 36 bytes, in another file."""
    model = CONVOLUTION.model("float")
    (tensor,) = model.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return model


def test_external_weights_are_read(tmp_path: Path) -> None:
    values = np.arange(9, dtype=np.float32)
    (tmp_path / "w.bin").write_bytes(b"skip" + values.tobytes())
    path = written(tmp_path / "model.onnx", external("w.bin", offset=4, length=36))
    (tensor,) = load_source(path).model.graph.initializer
    assert numpy_helper.to_array(tensor).reshape(-1).tolist() == values.tolist()


def test_missing_external_weights(tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx", external("w.bin", offset=0, length=36))
    message = refused_model("weights-file-missing", AccessError, path)
    assert message.startswith(f"{path}: ")
    assert "'w.bin'" in message


def test_truncated_external_weights(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(35))
    path = written(tmp_path / "model.onnx", external("w.bin", offset=0, length=36))
    message = refused_model("weights-file-truncated", AccessError, path)
    assert "'w.bin' has 35 bytes" in message
    assert "'w' requires 36" in message
    unknown = written(tmp_path / "other.onnx", external("w.bin"))
    assert "(35 bytes)" in refused_model("model-invalid", UnsupportedModelError, unknown)


@pytest.mark.parametrize("entries", [{"offset": -4}, {"offset": "first"}])
def test_damaged_external_entries(tmp_path: Path, entries: dict[str, int | str]) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(36))
    path = written(tmp_path / "model.onnx", external("w.bin", **entries))
    assert refused_model("weights-unreadable", AccessError, path).startswith(f"{path}: ")


def test_external_weights_outside_the_folder(tmp_path: Path) -> None:
    """onnx refuses links and paths outside the model's folder."""
    (tmp_path / "w.bin").write_bytes(bytes(36))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    for location in ("../w.bin", str(tmp_path / "w.bin"), "link.bin"):
        path = written(folder / "model.onnx", external(location, offset=0, length=36))
        assert refused_model("weights-unreadable", AccessError, path).startswith(f"{path}: ")


def parsed(body: str, opsets: str = '"": 17', functions: str = "") -> onnx.ModelProto:
    header = f"<ir_version: 8, opset_import: [{opsets}]> graph "
    return parser.parse_model(
        f"{header}(float[N,3,16,16] x, bool c) => (float[N,3,16,16] y) {{ {body} }} {functions}"
    )


BRANCHES = """y = If(c) <then_branch = one () => (float[N,3,16,16] p) { p = OP(x) },
    else_branch = two () => (float[N,3,16,16] q) { q = Neg(x) }>"""
FUNCTION = '<domain: "local", opset_import: ["": VERSION, "other": 1]> Act (a) => (b) { b = OP(a) }'


def test_foreign_operators() -> None:
    opsets = '"": 17, "com.microsoft": 1'
    model = parsed("[act] y = com.microsoft.Rfft(x)", opsets)
    message = refused_model("operator-of-onnxruntime", UnsupportedModelError, model)
    assert "node 'act' is com.microsoft::Rfft" in message
    inside = parsed(BRANCHES.replace("OP", "com.microsoft.Rfft"), opsets)
    message = refused_model("operator-of-onnxruntime", UnsupportedModelError, inside)
    assert "node 'p' is com.microsoft::Rfft" in message


def test_foreign_operators_in_functions() -> None:
    functions = FUNCTION.replace("VERSION", "17").replace("OP", "other.Foo")
    model = parsed("y = local.Act(x)", '"": 17, "local": 1, "other": 1', functions)
    message = refused_model("operator-not-standard", UnsupportedModelError, model)
    assert "node 'y' is other::Foo" in message


@pytest.mark.parametrize("version", [13, 17])
def test_local_functions_are_inlined(version: int) -> None:
    """Functions of an older opset than the model are inlined too."""
    functions = FUNCTION.replace("VERSION", str(version)).replace("OP", "Relu")
    source = load_source(parsed("y = local.Act(x)", '"": 17, "local": 1, "other": 1', functions))
    assert [node.op_type for node in source.model.graph.node] == ["Relu"]
    assert not source.model.functions


def test_opsets() -> None:
    older = RELU.model("float")
    older.opset_import[0].version = 6
    assert "opset 6" in refused_model("opset-too-old", UnsupportedModelError, older)
    newer = RELU.model("float")
    newer.opset_import[0].version = newest_opset() + 1
    message = refused_model("opset-too-new", UnsupportedModelError, newer)
    assert f"opset {newest_opset() + 1}" in message
    assert ort.__version__ in message
    del newer.opset_import[:]
    refused_model("opset-missing", UnsupportedModelError, newer)


def test_invalid_models() -> None:
    model = RELU.model("float")
    model.graph.node[0].op_type = "Rely"
    message = refused_model("model-invalid", UnsupportedModelError, model)
    assert "No Op registered for Rely" in message


def test_initializers_that_are_inputs() -> None:
    """In IR version 3, initializers are also inputs."""
    model = CONVOLUTION.model("float")
    model.ir_version = 3
    weight = helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 3, 1, 1])
    model.graph.input.append(weight)
    compiled = jpegcompile.compile(model, input="tensor").model
    assert [value.name for value in compiled.graph.input] == ["x"]
    assert [value.name for value in model.graph.input] == ["x", "w"]


def test_branches_that_declare_inputs() -> None:
    model = parsed(BRANCHES.replace("OP", "Abs"))
    for attribute in model.graph.node[0].attribute:
        attribute.g.input.append(model.graph.input[0])
    source = load_source(model)
    assert all(not attribute.g.input for attribute in source.model.graph.node[0].attribute)
    feeds = {**feeds_of(model), "c": np.asarray(True)}
    compiled = jpegcompile.compile(model, input="tensor", image_input="x").model
    np.testing.assert_array_equal(evaluate(compiled, feeds)[0], np.abs(feeds["x"]))


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx", RELU.model("float"))
    assert load_source(path).sha256 == load_source(path).sha256
    other = written(tmp_path / "other.onnx", CONVOLUTION.model("float"))
    assert load_source(path).sha256 != load_source(other).sha256
    assert load_source(path).name == str(path)


CONSTANTS = {
    "value_float = 0.5": np.asarray(0.5, np.float32),
    "value_floats = [0.5, 2.0, 1.0]": np.asarray([0.5, 2, 1], np.float32),
    "value_int = 3": np.asarray(3),
    "value_ints = [3, 4]": np.asarray([3, 4]),
}


@pytest.mark.parametrize("spelling", list(CONSTANTS))
def test_constants_have_the_type_of_the_standard(spelling: str) -> None:
    source = load_source(parsed(f"k = Constant<{spelling}>()  y = Relu(x)"))
    (attribute,) = source.model.graph.node[0].attribute
    assert attribute.name == "value"
    value, wanted = numpy_helper.to_array(attribute.t), CONSTANTS[spelling]
    assert (value.dtype, value.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_array_equal(value, wanted)


def test_constants_of_text() -> None:
    model = parsed("y = Relu(x)")
    model.graph.node.append(helper.make_node("Constant", [], ["one"], value_string="a"))
    model.graph.node.append(helper.make_node("Constant", [], ["two"], value_strings=["a", "b"]))
    first, second = [node.attribute[0] for node in load_source(model).model.graph.node[1:]]
    assert (list(first.t.string_data), list(first.t.dims)) == ([b"a"], [])
    assert (list(second.t.string_data), list(second.t.dims)) == ([b"a", b"b"], [2])


def test_models_with_short_constants() -> None:
    """graphsurgeon would read them as float64, which no operator of a float32 model accepts."""
    model = parsed("k = Constant<value_float = 0.5>()  a = Relu(x)  y = Add(a, k)")
    feeds = feeds_of(model)
    compiled = jpegcompile.compile(model, input="tensor", image_input="x", strict=True).model
    np.testing.assert_allclose(
        evaluate(compiled, {**feeds, "c": np.asarray(True)})[0],
        np.maximum(feeds["x"], 0) + np.float32(0.5),
        rtol=0,
        atol=1e-5,
    )


def test_short_constants_in_branches() -> None:
    body = BRANCHES.replace("p = OP(x)", "k = Constant<value_float = 0.5>()  p = Add(x, k)")
    model = parsed(body)
    feeds = {**feeds_of(model), "c": np.asarray(True)}
    compiled = jpegcompile.compile(model, input="tensor", image_input="x").model
    np.testing.assert_array_equal(evaluate(compiled, feeds)[0], feeds["x"] + np.float32(0.5))


def test_the_hash_counts_external_weights(tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx", external("w.bin"))
    hashes = set()
    for fill in (0, 1, 0):
        (tmp_path / "w.bin").write_bytes(bytes([fill]) * 36)
        hashes.add(load_source(path).sha256)
    assert len(hashes) == 2
    (tmp_path / "w.bin").write_bytes(bytes(36) + b"unused")
    hashes.add(load_source(written(path, external("w.bin", length=36))).sha256)
    assert len(hashes) == 3


def test_the_hash_of_a_file_without_external_weights_is_its_own(tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx", CONVOLUTION.model("float"))
    assert load_source(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_missing_external_weights_of_constants(tmp_path: Path) -> None:
    """Weights in Constant nodes can be external too."""
    model = external("w.bin", offset=0, length=36)
    tensor = model.graph.initializer.pop()
    model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=tensor))
    path = written(tmp_path / "model.onnx", model)
    assert "'w.bin'" in refused_model("weights-file-missing", AccessError, path)
    (tmp_path / "w.bin").write_bytes(bytes(36))
    assert load_source(path).sha256 != hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("batch", [0, -1, None])
def test_an_open_batch_gets_a_name(batch: int | None) -> None:
    model = RELU.model("float")
    for value in (*model.graph.input, *model.graph.output):
        dimension = value.type.tensor_type.shape.dim[0]
        dimension.Clear()
        if batch is not None:
            dimension.dim_value = batch
    compiled = jpegcompile.compile(model, input="tensor").model
    for value in (*compiled.graph.input, *compiled.graph.output):
        shape = value.type.tensor_type.shape.dim
        assert [d.dim_param or d.dim_value for d in shape] == ["N", 3, 16, 16]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == (batch or 0)
    feeds = feeds_of(compiled, 3)
    np.testing.assert_allclose(
        run_float32(compiled, feeds)[0], np.maximum(feeds["x"], 0), rtol=0, atol=1e-5
    )
