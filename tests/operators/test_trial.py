"""A new operator only requires a definition.

y = DCT(HardSigmoid(inverse DCT(x)) * inverse DCT(x) * scale)        one scale for each channel
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from support.codes import refused
from support.graphs import Graph, evaluate, feeds_of, lowered, pass_named

from jpegcompile.backends.emit import emit
from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.errors import InternalError
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import operands, replace_operator
from jpegcompile.ir.verifier import verify_module
from jpegcompile.operators.definition import Attribute, Operand, Operator
from jpegcompile.operators.fragments import (
    BLOCK,
    CHANNELS,
    TRANSFORMS,
    always,
    between,
    feature_map,
    result,
)
from jpegcompile.operators.function import function_of
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.operators.table import table
from jpegcompile.runtime.cut import without_groups

GATE = """
        gate = HardSigmoid <alpha: float = @alpha> (spatial)
        gated = Mul(spatial, gate)
        result = Mul(gated, scale)"""
GATED = Operator(
    "JpegGatedScale",
    "the pixels times their hard sigmoid and one scale for each channel",
    (feature_map(is_compact=True), Operand("scale", "vector", CHANNELS), *TRANSFORMS),
    result(),
    (Attribute("alpha", "float", 0.25), BLOCK),
    always(between(GATE)),
    reference="gated_scale.reference:jpeg_gated_scale",
    kernel="gated_scale",
)
SCALE = np.linspace(-1, 2, 16).reshape(16, 1, 1)
NETWORK = Graph(
    """(T[2,3,16,16] x) => (T[] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)  s = Sigmoid(c)
        y = Conv<pads = [1, 1, 1, 1]>(s, v) }""",
    {"w": (16, 3, 3, 3), "v": (3, 16, 3, 3)},
)


@pytest.fixture(autouse=True)
def _defined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a family with one operator to the registry."""
    monkeypatch.setitem(OPERATORS, GATED.name, GATED)


def gated(dtype: str) -> tuple[Module, gs.Node]:
    """Return the network with the operator instead of its sigmoid, and the operator's node."""
    module = lowered(NETWORK, dtype)
    (node,) = (n for n in module.graph.nodes if n.op == "JpegSigmoid")
    scale = gs.Constant("scale", SCALE.astype(node.outputs[0].dtype))
    replace_operator(
        node, GATED.name, {**operands(node), "scale": scale}, {"alpha": 0.5, "block": 8}
    )
    return module, node


def test_its_function_is_its_meaning() -> None:
    module, node = gated("double")
    verify_module(module, "a-pass")
    names = [node.inputs[0].name, node.outputs[0].name]
    # Separate casts before and after the operator make its input and output visible.
    model = emit(module)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    _, x, y = evaluate(model, feeds_of(NETWORK.model()))
    pixels = to_spatial(x, 8)
    expected = to_jpeg(pixels * np.clip(0.5 * pixels + 0.5, 0, 1) * SCALE, 8)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    assert np.abs(y - np.roll(expected, 1, axis=1)).max() > 0.1


def test_its_function_is_in_the_file() -> None:
    model = emit(gated("double")[0])
    function = next(f for f in model.functions if f.name == GATED.name)
    assert list(function.input) == ["x", "scale", *(operand.name for operand in TRANSFORMS)]
    assert list(function.attribute) == ["block"]
    defaults = {a.name: onnx.helper.get_attribute_value(a) for a in function.attribute_proto}
    assert defaults == {"x_group": 1, "y_group": 1, "x_frequencies": 0, "alpha": 0.25}
    assert function_of(GATED, 21).opset_import[0].version == 21


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("beta", 0.5, "verify-attribute-unknown"),
        ("alpha", "half", "verify-attribute-type"),
        ("block", 4, "verify-block-size"),
        ("y_frequencies", 3, "verify-attribute-unknown"),
    ],
)
def test_its_nodes_are_checked(attribute: str, value: object, code: str) -> None:
    module, node = gated("double")
    node.attrs[attribute] = value
    with refused(code, InternalError) as caught:
        verify_module(module, "a-pass")
    shown = "block size 4" if attribute == "block" else attribute
    assert all(part in str(caught.value) for part in ("a-pass", "JpegGatedScale 's'", shown))


def test_its_operands_are_checked() -> None:
    module, node = gated("double")
    node.inputs[1] = gs.Constant("wrong", np.ones((15, 1, 1)))
    with refused("verify-operand-shape", InternalError) as caught:
        verify_module(module, "a-pass")
    shown = ("JpegGatedScale 's'", "'wrong'", "scale", "[15, 1, 1]", ", 16, 1, 1]")
    assert all(part in str(caught.value) for part in shown)
    node.inputs.pop()
    with refused("verify-input-missing", InternalError) as caught:
        verify_module(module, "a-pass")
    assert "'forward_columns'" in str(caught.value)


def test_its_maps_stand_in_groups() -> None:
    module, node = gated("float")
    pass_named("group-channels").run(module)
    assert (node.attrs["x_group"], node.attrs["y_group"]) == (16, 16)
    verify_module(module, "group-channels")
    model = emit(module)
    without_groups(model)
    layouts = [a.i for n in model.graph.node for a in n.attribute if a.name.endswith("_group")]
    assert set(layouts) == {1}


def test_its_row_is_in_the_table() -> None:
    (row,) = (line for line in table().splitlines() if GATED.name in line)
    assert "alpha float = 0.25, block int" in row
    assert "`gated_scale.reference:jpeg_gated_scale`" in row
