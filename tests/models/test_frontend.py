"""What is not a model that can be compiled is refused in one line that says what to do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper, parser
from support.graphs import Graph, evaluate, feeds_of, run_float32
from support.refusals import refusal

import jpegcompile
from jpegcompile.errors import AccessError, UnsupportedModelError
from jpegcompile.frontend.load import load_source, newest_opset

CONVOLUTION = Graph("(T[N,3,16,16] x) => (T[] y) { y = Conv(x, w) }", {"w": (3, 3, 1, 1)})
RELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }")


def written(path: Path, model: onnx.ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no ONNX graph; give a .onnx model"),
        (b"hello, world\n", "not an ONNX file, or a damaged one; give a .onnx model"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not an ONNX file, or a damaged one; give a .onnx model"),
        (b"\x08\x08", "holds no ONNX graph; give a .onnx model"),
    ],
)
def test_files_that_are_no_models(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert refusal(UnsupportedModelError, path) == f"{path}: {message}"


def test_a_truncated_model(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(CONVOLUTION.model("float").SerializeToString()[:-20])
    assert refusal(UnsupportedModelError, path).startswith(f"{path}: not a")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    message = refusal(AccessError, path)
    assert message == f"{path}: cannot read: No such file or directory; check the path"
    message = refusal(AccessError, tmp_path)
    assert message == f"{tmp_path}: cannot read: Is a directory; check the path"


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
    assert refusal(AccessError, path) == (
        f"{path}: weights are in 'w.bin', which is missing; put that file into {tmp_path}"
    )


def test_truncated_external_weights(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(35))
    path = written(tmp_path / "model.onnx", external("w.bin", offset=0, length=36))
    assert refusal(AccessError, path) == (
        f"{path}: 'w.bin' ends before tensor 'w' (35 bytes, 36 needed); copy the whole file"
    )
    unknown = written(tmp_path / "other.onnx", external("w.bin"))
    assert "(35 bytes)" in refusal(UnsupportedModelError, unknown)


@pytest.mark.parametrize("entries", [{"offset": -4}, {"offset": "first"}])
def test_damaged_external_entries(tmp_path: Path, entries: dict[str, int | str]) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(36))
    path = written(tmp_path / "model.onnx", external("w.bin", **entries))
    message = refusal(AccessError, path)
    assert message.startswith(f"{path}: cannot read its external weights: ")


def test_external_weights_outside_the_folder(tmp_path: Path) -> None:
    """onnx refuses paths that lead out of the model's folder, and links."""
    (tmp_path / "w.bin").write_bytes(bytes(36))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    for location in ("../w.bin", str(tmp_path / "w.bin"), "link.bin"):
        path = written(folder / "model.onnx", external(location, offset=0, length=36))
        message = refusal(AccessError, path)
        assert message.startswith(f"{path}: cannot read its external weights: ")
        assert message.endswith("into one folder, as plain files")


def parsed(body: str, opsets: str = '"": 17', functions: str = "") -> onnx.ModelProto:
    header = f"<ir_version: 8, opset_import: [{opsets}]> graph "
    return parser.parse_model(
        f"{header}(float[N,3,16,16] x, bool c) => (float[N,3,16,16] y) {{ {body} }} {functions}"
    )


FOREIGN = "an operator outside the ONNX standard; export the model without it"
RUNTIME = (
    "an operator of ONNX Runtime alone, as its optimiser writes them; give the model that it was"
    " saved from, or save it with ORT_DISABLE_ALL"
)
BRANCHES = """y = If(c) <then_branch = one () => (float[N,3,16,16] p) { p = OP(x) },
    else_branch = two () => (float[N,3,16,16] q) { q = Neg(x) }>"""
FUNCTION = '<domain: "local", opset_import: ["": VERSION, "other": 1]> Act (a) => (b) { b = OP(a) }'


def test_foreign_operators() -> None:
    opsets = '"": 17, "com.microsoft": 1'
    model = parsed("[act] y = com.microsoft.Rfft(x)", opsets)
    message = refusal(UnsupportedModelError, model)
    assert message == f"model: node 'act' is com.microsoft::Rfft, {RUNTIME}"
    inside = parsed(BRANCHES.replace("OP", "com.microsoft.Rfft"), opsets)
    message = refusal(UnsupportedModelError, inside)
    assert message == f"model: node 'p' is com.microsoft::Rfft, {RUNTIME}"


def test_foreign_operators_in_functions() -> None:
    functions = FUNCTION.replace("VERSION", "17").replace("OP", "other.Foo")
    model = parsed("y = local.Act(x)", '"": 17, "local": 1, "other": 1', functions)
    assert refusal(UnsupportedModelError, model) == f"model: node 'y' is other::Foo, {FOREIGN}"


@pytest.mark.parametrize("version", [13, 17])
def test_local_functions_are_inlined(version: int) -> None:
    """Also those that are written in an older opset than the model."""
    functions = FUNCTION.replace("VERSION", str(version)).replace("OP", "Relu")
    source = load_source(parsed("y = local.Act(x)", '"": 17, "local": 1, "other": 1', functions))
    assert [node.op_type for node in source.model.graph.node] == ["Relu"]
    assert not source.model.functions


def test_opsets() -> None:
    older = RELU.model("float")
    older.opset_import[0].version = 6
    assert refusal(UnsupportedModelError, older) == (
        "model: opset 6 is older than 7; convert it with onnx.version_converter"
    )
    newer = RELU.model("float")
    newer.opset_import[0].version = newest_opset() + 1
    assert refusal(UnsupportedModelError, newer) == (
        f"model: opset {newest_opset() + 1} is newer than the {newest_opset()} that the installed"
        f" ONNX Runtime {ort.__version__} runs; upgrade onnxruntime or export an older opset"
    )
    del newer.opset_import[:]
    message = refusal(UnsupportedModelError, newer)
    assert message == "model: names no ONNX opset; export the model again"


def test_invalid_models() -> None:
    model = RELU.model("float")
    model.graph.node[0].op_type = "Rely"
    message = refusal(UnsupportedModelError, model)
    assert message.startswith("model: not a valid ONNX model: No Op registered for Rely")


def test_models_that_are_compiled_already() -> None:
    for target in ("ort", "onnx"):
        compiled = jpegcompile.compile(RELU.model("float"), input="tensor", target=target)
        assert refusal(UnsupportedModelError, compiled.model) == (
            "model: jpegcompile has compiled it already; give the model it was made from"
        )


def test_initializers_that_are_inputs() -> None:
    """As files of IR version 3 have them."""
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
    """graphsurgeon reads them as float64, which fits no operator of a float32 model."""
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
    """Weights may stand in Constant nodes, too."""
    model = external("w.bin", offset=0, length=36)
    tensor = model.graph.initializer.pop()
    model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=tensor))
    path = written(tmp_path / "model.onnx", model)
    assert refusal(AccessError, path).startswith(
        f"{path}: weights are in 'w.bin', which is missing"
    )
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
