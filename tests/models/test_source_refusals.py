"""What is wrong with a source model is said in one short line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.codes import refused
from support.graphs import Graph
from support.refusals import refusal
from support.sources import NETWORK

import jpegcompile
from jpegcompile.errors import UnsupportedModelError


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


def test_types_of_elements_that_there_are_not() -> None:
    model = NETWORK.model("float")
    model.graph.output[0].type.tensor_type.elem_type = 99
    assert refusal(UnsupportedModelError, model) == (
        "model: output 'y' is declared as type 99, which there is not, but its node makes float32;"
        " declare that, or put a Cast before it"
    )
    model = NETWORK.model("float")
    model.graph.input[0].type.tensor_type.elem_type = 99
    assert "makes type 99, which there is not" in refusal(UnsupportedModelError, model)
    model = NETWORK.model("float")
    model.graph.initializer[0].data_type = 99
    assert refusal(UnsupportedModelError, model) == (
        "model: not a valid ONNX model: Invalid tensor data type 99; export it again, or mend that"
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
    with refused("convolution-channels-differ", UnsupportedModelError) as caught:
        jpegcompile.compile(model, input="tensor")
    for part in ("Conv 'a'", "3 channels", "'x' has 4"):
        assert part in str(caught.value)


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


def test_shapes_that_cannot_be_inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }").model("float")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("something is off")

    monkeypatch.setattr("onnx.shape_inference.infer_shapes", fail)
    assert refusal(UnsupportedModelError, model) == (
        "model: the shapes of its tensors cannot be inferred: something is off; export the model"
        " again"
    )


def test_models_in_the_format_of_onnx_runtime(tmp_path: Path) -> None:
    path = tmp_path / "model.ort"
    path.write_bytes(b"\x18\x00\x00\x00ORTM" + bytes(40))
    assert refusal(UnsupportedModelError, path) == (
        f"{path}: holds a model in ONNX Runtime's own format; give the .onnx model that it was"
        " made from"
    )
