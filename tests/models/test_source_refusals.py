"""Errors of invalid source models: their codes, and the nodes and tensors they name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.graphs import Graph
from support.refusals import refused_model
from support.sources import NETWORK

from jpegcompile.errors import UnsupportedModelError


def edited(**changes: str) -> onnx.ModelProto:
    """Return the network with renamed inputs of nodes: NODE_INDEX = name."""
    model = NETWORK.model("float")
    for key, name in changes.items():
        node, index = key.split("_")
        next(n for n in model.graph.node if n.name == node).input[int(index)] = name
    return model


def test_graphs_that_cannot_be_sorted() -> None:
    message = refused_model("tensor-not-computed", UnsupportedModelError, edited(r_0="gone"))
    assert "node 'r' (Relu)" in message
    assert "'gone'" in message
    message = refused_model("graph-has-cycle", UnsupportedModelError, edited(r_0="r"))
    assert "node 'r' (Relu)" in message
    message = refused_model("graph-has-cycle", UnsupportedModelError, edited(p_0="t"))
    assert "node 's' (Add)" in message
    assert "'s', 't' and 1 more" in message


def test_tensors_that_two_nodes_compute() -> None:
    model = NETWORK.model("float")
    model.graph.node.append(helper.make_node("Neg", ["a"], ["r"]))
    message = refused_model("tensor-computed-twice", UnsupportedModelError, model)
    assert "node 'r' (Neg)" in message
    assert "another node" in message
    model = NETWORK.model("float")
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "s"))
    message = refused_model("tensor-computed-twice", UnsupportedModelError, model)
    assert "node 's' (Add)" in message
    assert "initializer" in message


def test_outputs_that_do_not_exist_or_have_another_type() -> None:
    model = NETWORK.model("float")
    model.graph.output.append(onnx.ValueInfoProto(name="nothing"))
    assert "'nothing'" in refused_model("output-not-computed", UnsupportedModelError, model)
    model = NETWORK.model("float")
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    message = refused_model("output-type-wrong", UnsupportedModelError, model)
    assert "output 'y'" in message
    assert "float64" in message
    assert "float32" in message


def test_unknown_element_types() -> None:
    model = NETWORK.model("float")
    model.graph.output[0].type.tensor_type.elem_type = 99
    message = refused_model("output-type-wrong", UnsupportedModelError, model)
    assert "output 'y'" in message
    assert "type 99" in message
    model = NETWORK.model("float")
    model.graph.input[0].type.tensor_type.elem_type = 99
    assert "type 99" in refused_model("output-type-wrong", UnsupportedModelError, model)
    model = NETWORK.model("float")
    model.graph.initializer[0].data_type = 99
    assert "type 99" in refused_model("model-invalid", UnsupportedModelError, model)


def test_outputs_of_unknown_rank() -> None:
    text = "(T[N,3,8,8] x, int64[R] s) => (T[A] y) { r = Relu(x)  y = Reshape(r, s) }"
    model = Graph(text).model("float")
    model.graph.output[0].ClearField("type")
    message = refused_model("output-shape-unknown", UnsupportedModelError, model, image_input="x")
    assert "output 'y'" in message


def test_inputs_without_a_shape() -> None:
    model = NETWORK.model("float")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    assert "input 'x'" in refused_model("input-shape-unknown", UnsupportedModelError, model)


def test_channels_that_do_not_fit() -> None:
    model = NETWORK.model("float")
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    message = refused_model("convolution-channels-differ", UnsupportedModelError, model)
    for part in ("Conv 'a'", "3 channels", "'x' has 4"):
        assert part in message


def test_only_the_first_complaint_of_the_checker_is_reported() -> None:
    model = NETWORK.model("float")
    model.graph.node[0].attribute.append(helper.make_attribute("dilations", [1]))
    message = refused_model("model-invalid", UnsupportedModelError, model)
    assert "Conv 'a': Attribute dilations has incorrect size;" in message


def test_complaints_are_shortened() -> None:
    model = NETWORK.model("float")
    model.graph.node[0].op_type = "Conv" * 100
    message = refused_model("model-invalid", UnsupportedModelError, model)
    assert len(message) < 300
    assert "...; " in message


def test_long_names_are_shortened() -> None:
    model = edited(r_0="deep/" * 80 + "input")
    message = refused_model("tensor-not-computed", UnsupportedModelError, model)
    assert len(message) < 300
    assert "/deep/input'" in message


def test_names_stay_on_one_line() -> None:
    model = edited(r_0="a\nb\x1b[31m")
    message = refused_model("tensor-not-computed", UnsupportedModelError, model)
    assert r"'a\nb\x1b[31m'" in message


def test_shapes_that_cannot_be_inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }").model("float")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("something is off")

    monkeypatch.setattr("onnx.shape_inference.infer_shapes", fail)
    message = refused_model("shape-inference-failed", UnsupportedModelError, model)
    assert "something is off" in message


def test_models_in_the_format_of_onnx_runtime(tmp_path: Path) -> None:
    path = tmp_path / "model.ort"
    path.write_bytes(b"\x18\x00\x00\x00ORTM" + bytes(40))
    message = refused_model("model-in-ort-format", UnsupportedModelError, path)
    assert message.startswith(f"{path}: ")
