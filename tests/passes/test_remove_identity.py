"""Identity and Dropout are removed; outputs keep their names."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    apply,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    module_before,
    outline_of,
)

NAME = "remove-identity"


def dropout(opset: int, outputs: str = "d", attributes: str = "") -> Graph:
    text = f"""(T[N,3,16,16] x) => (T[] y) {{
        r = Relu(x)  {outputs} = Dropout{attributes}(r)  y = Conv(d, w) }}"""
    return Graph(text, {"w": (3, 3, 1, 1)}, opset)


@pytest.mark.parametrize("opset", [7, 10, 12, 13, 22])
def test_dropout(opset: int) -> None:
    check_pass(dropout(opset), NAME, "Relu Conv")
    check_pass(dropout(opset, "d, mask"), NAME, "Relu Conv")
    check_compiled(dropout(opset), "ToJpeg JpegRelu JpegPointwiseConv ToSpatial")
    check_fault(dropout(opset), dropout(opset).perturbed("w"))


def test_dropout_with_its_inputs() -> None:
    graph = dropout(13).with_text("Dropout(r)", "Dropout(r, ratio, training)")
    weights = {**graph.weights, "ratio": np.asarray(0.5), "training": np.asarray(False)}
    check_pass(Graph(graph.text, weights, 13), NAME, "Relu Conv")


def test_dropout_in_training_mode_stays() -> None:
    graph = dropout(13).with_text("Dropout(r)", "Dropout(r, ratio, training)")
    weights = {**graph.weights, "ratio": np.asarray(0.5), "training": np.asarray(True)}
    module = module_before(Graph(graph.text, weights, 13), NAME)
    assert check_untouched(module, NAME) == {}
    text = graph.text.replace("16] x)", "16] x, bool training)")
    given = Graph(text, {**graph.weights, "ratio": np.asarray(0.5)}, 13)
    assert check_untouched(module_before(given, NAME), NAME) == {}


def test_a_dropout_whose_mask_is_read_stays() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] z) {
        r = Relu(x)  y, mask = Dropout(r)  z = Cast<to = 11>(mask) }"""
    assert check_untouched(module_before(Graph(text), NAME), NAME) == {}


def test_a_dropout_whose_mask_leaves_the_graph_stays() -> None:
    text = "(T[N,3,16,16] x) => (T[] y, bool[] mask) { r = Relu(x)  y, mask = Dropout(r) }"
    assert check_untouched(module_before(Graph(text), NAME), NAME) == {}
    check_compiled(Graph(text))


CHAIN = (
    "(T[N,3,16,16] x) => (T[] y) { a = Identity(x)  b = Relu(a)  c = Identity(b)  y = Identity(c) }"
)


def test_chains_of_identity() -> None:
    module = check_pass(Graph(CHAIN), NAME, "Relu")
    assert [node.outputs[0].name for node in module.graph.nodes] == ["y"]
    check_compiled(Graph(CHAIN), "ToJpeg JpegRelu ToSpatial")


@pytest.mark.parametrize("op", ["Identity", "Dropout"])
@pytest.mark.parametrize(
    ("outputs", "body"),
    [
        ("T[] y, T[] z", "r = Relu(x)  y = OP(r)  z = OP(r)"),
        ("T[] r, T[] y", "r = Relu(x)  y = OP(r)"),
        ("T[] y, T[] z", "r = Relu(x)  y = OP(r)  z = Relu(r)"),
        ("T[] y, T[] z", "y = OP(x)  z = Relu(x)"),
        ("T[] y, T[] z", "r = Relu(x)  y = OP(r)  z = OP(y)"),
    ],
)
def test_identities_that_feed_outputs(op: str, outputs: str, body: str) -> None:
    graph = Graph(f"(T[N,3,16,16] x) => ({outputs}) {{ {body.replace('OP', op)} }}")
    module = module_before(graph, NAME)
    apply(module, NAME)
    names = [tensor.name for tensor in module.graph.outputs]
    assert names == outputs.replace("T[] ", "").split(", ")
    check_compiled(graph)


def test_an_identity_between_input_and_output_stays() -> None:
    text = "(T[N,3,16,16] x) => (T[] y, T[] z) { y = Identity(x)  z = Relu(x) }"
    assert check_untouched(module_before(Graph(text), NAME), NAME) == {}
    assert "Identity" in outline_of(module_before(Graph(text), "cancel-casts"))
