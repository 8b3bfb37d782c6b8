"""Local functions of a source model are sorted and inlined, or refused."""

from __future__ import annotations

import onnx
import pytest
from onnx import parser
from support.refusals import refused_model

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.load import load_source

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
    message = refused_model("tensor-not-computed", UnsupportedModelError, model)
    assert "function 'Act': node 'b' (Relu) reads 'gone'" in message


def test_functions_that_hide_standard_operators() -> None:
    model = parser.parse_model(FUNCTION)
    model.functions[0].domain, model.functions[0].name = "", "HardSwish"
    code = "function-in-standard-operator-domain"
    assert "'HardSwish'" in refused_model(code, UnsupportedModelError, model)


def test_functions_that_cannot_be_inlined(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("GetType: Assertion failed")

    monkeypatch.setattr("onnx.inliner.inline_local_functions", fail)
    model = parser.parse_model(FUNCTION)
    message = refused_model("functions-not-inlined", UnsupportedModelError, model)
    assert "GetType: Assertion failed" in message
