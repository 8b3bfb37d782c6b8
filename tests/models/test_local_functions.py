"""Local functions of a source model are sorted and inlined, or refused."""

from __future__ import annotations

import onnx
import pytest
from onnx import parser
from support.refusals import refusal

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
