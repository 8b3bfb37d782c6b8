"""Errors and declines that ordinary models do not lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from google.protobuf.message import EncodeError
from onnx import checker, helper
from support.codes import refused
from support.graphs import Graph, lowered, module_before
from support.refusals import refusal, refused_model

from jpegcompile.backends import emit as emission
from jpegcompile.errors import AccessError, InternalError, UnsupportedModelError
from jpegcompile.frontend import check
from jpegcompile.ir.decline import map_problem
from jpegcompile.weights.read import fingerprint

RELU = Graph("(T[N,3,16,16] x) => (T[] y) { y = Relu(x) }")


def test_operators_from_outside_the_standard() -> None:
    model = RELU.model("float")
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    model.graph.node[0].domain = "com.example"
    message = refused_model("operator-not-standard", UnsupportedModelError, model)
    assert "node 'y' is com.example::Relu" in message


def test_what_protobuf_cannot_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise EncodeError("too large")

    monkeypatch.setattr(check, "check_light", fail)
    refused_model("model-too-large-to-check", UnsupportedModelError, RELU.model("float"))


def test_weights_that_go_away_while_they_are_read(tmp_path: Path) -> None:
    with refused("weights-file-unreadable", AccessError) as error:
        fingerprint(b"", tmp_path / "model.onnx", ["weights.data"])
    assert str(error.value).startswith(f"{tmp_path / 'model.onnx'}: ")
    assert "'weights.data': No such file or directory" in str(error.value)


def test_a_compiled_graph_that_is_not_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise checker.ValidationError("a node\n  is wrong")

    module = lowered(RELU)
    monkeypatch.setattr(emission, "check_light", fail)
    with refused("compiled-graph-invalid", InternalError) as error:
        emission.emit(module)
    assert "a node is wrong" in str(error.value)


def test_a_constant_is_no_feature_map() -> None:
    module = module_before(RELU, "lower-relu")
    constant = gs.Constant("c", np.zeros((1, 3, 16, 16)))
    decline = map_problem(module.graph.nodes[0], module, constant)
    assert decline is not None
    assert decline.reason.code == "map-is-constant"
    assert "'c'" in decline.reason


def test_an_empty_map_is_no_feature_map() -> None:
    module = module_before(RELU, "lower-relu")
    empty = gs.Variable("e", np.dtype(np.float64), (2, 3, 0, 16))
    decline = map_problem(module.graph.nodes[0], module, empty)
    assert decline is not None
    assert decline.reason.code == "map-empty"
    assert "'e'" in decline.reason


def test_a_source_is_not_touched_by_a_refusal() -> None:
    model: onnx.ModelProto = RELU.model("double")
    before = model.SerializeToString(deterministic=True)
    refusal(UnsupportedModelError, model)
    assert model.SerializeToString(deterministic=True) == before
