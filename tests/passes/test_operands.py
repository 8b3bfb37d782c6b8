"""Nodes of jpegcompile operators are created and read by operand name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_graphsurgeon as gs
import pytest

from jpegcompile.ir.operands import (
    input_block,
    is_operator,
    make_node,
    operand,
    operands,
    operator_of,
    output_block,
    replace_operator,
    tensors_of,
)
from jpegcompile.operators.registry import OPERATORS

TRANSFORMS = ("inverse_rows", "inverse_columns", "forward_rows", "forward_columns")


def tensors(*names: str) -> dict[str, gs.Tensor]:
    return {name: gs.Variable(f"t.{name}", np.dtype(np.float32)) for name in names}


def clip() -> gs.Node:
    """The inputs are given in another order than in the definition."""
    given = tensors(*TRANSFORMS, "high", "low", "x")
    return make_node("JpegClip", "clip", given, {"block": 8}, [gs.Variable("y")])


def test_inputs_are_in_the_order_of_the_definition() -> None:
    node = clip()
    names = ["x", "low", "high", *TRANSFORMS]
    assert [tensor.name for tensor in node.inputs] == [f"t.{name}" for name in names]
    assert list(operands(node)) == names
    assert operand(node, "high") is operands(node)["high"]
    assert operator_of(node) is OPERATORS["JpegClip"]
    read = [(operand.name, tensor.name) for operand, tensor in tensors_of(node, OPERATORS[node.op])]
    assert read == [*((name, f"t.{name}") for name in names), ("y", "y")]


def test_names_that_do_not_fit() -> None:
    given = tensors("x", *TRANSFORMS)
    with pytest.raises(KeyError, match="JpegRelu has no input 'slope'"):
        make_node("JpegRelu", "n", {**given, **tensors("slope")}, {"block": 8}, [])
    with pytest.raises(KeyError, match="JpegClip needs an input 'low'"):
        make_node("JpegClip", "n", given, {"block": 8}, [])
    with pytest.raises(KeyError, match="JpegNothing"):
        make_node("JpegNothing", "n", given, {"block": 8}, [])
    with pytest.raises(KeyError, match="JpegClip has no input 'slope'"):
        operand(clip(), "slope")


def test_optional_inputs_may_be_left_out() -> None:
    x, *others = OPERATORS["JpegClip"].inputs
    optional = replace(
        OPERATORS["JpegClip"],
        inputs=(x, *(replace(o, is_optional=o.name in ("low", *TRANSFORMS)) for o in others)),
    )
    given = tensors("x", "high")
    assert [tensor.name for tensor in optional.in_order(given, gs.Variable.empty())] == [
        "t.x",
        "",
        "t.high",
    ]


def test_another_operator_for_a_node() -> None:
    node = clip()
    given = operands(node)
    replace_operator(
        node, "JpegRelu", {name: given[name] for name in ("x", *TRANSFORMS)}, {"block": 4}
    )
    assert is_operator(node, "JpegSub", "JpegRelu")
    assert not is_operator(node, "JpegSub")
    assert list(operands(node)) == ["x", *TRANSFORMS]
    assert node.attrs == {"block": 4}


def test_operators_of_other_domains() -> None:
    node = gs.Node("JpegRelu", "n", domain="other")
    assert operator_of(node) is None
    assert not is_operator(node, "JpegRelu")


def test_block_sizes() -> None:
    attrs = {"input_block": 4, "output_block": 2, "block": 8}
    for op, taken, made in (
        ("JpegConv", 4, 2),
        ("JpegRelu", 8, 8),
        ("ToJpeg", 1, 8),
        ("ToSpatial", 8, 1),
        ("SpatialMaxPool", 1, 1),
        # It reads no map.
        ("JpegIngest", 1, 8),
    ):
        node = gs.Node(op, "n", attrs)
        assert (input_block(node, OPERATORS[op]), output_block(node, OPERATORS[op])) == (
            taken,
            made,
        )
