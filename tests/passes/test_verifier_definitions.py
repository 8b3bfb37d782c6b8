"""The verifier checks every jpegcompile node against the definition of its operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from support.broken import assert_broken
from support.graphs import Graph, lowered
from support.plans import planned

from jpegcompile.ir.module import Module
from jpegcompile.ir.verifier import verify_module

NETWORK = Graph(
    """(T[N,3,16,16] x) => (T[] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)  r = PRelu(c, s)  e = Elu(r)  p = Conv(e, v)
        q = Relu(p)  z = Mul(q, t)  f = Conv<pads = [1, 1, 1, 1]>(z, u)
        m = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(f)
        a = Tanh(m)  b = Cos(a)  k = Mul(a, b)  y = Neg(k) }""",
    {
        "w": (16, 3, 3, 3),
        "s": (16, 1, 1),
        "v": (16, 16, 1, 1),
        "t": (16, 1, 1),
        "u": (16, 16, 3, 3),
    },
)


def module() -> Module:
    """The network lowered for native kernels."""
    return lowered(NETWORK, "float")


def node_of(module: Module, op: str) -> gs.Node:
    (node,) = [node for node in module.graph.nodes if node.op == op]
    return node


def constant(dtype: Any, *shape: int) -> gs.Constant:
    return gs.Constant("wrong", np.ones(shape, dtype))


def test_what_the_passes_make_is_accepted() -> None:
    found = module()
    ops = {node.op for node in found.graph.nodes}
    assert {"JpegConvPRelu", "JpegElu", "JpegPointwiseConvRelu", "JpegMaxPool"} <= ops
    verify_module(found, "some-pass")


def test_an_unknown_operator() -> None:
    found = module()
    node_of(found, "JpegElu").op = "JpegNothing"
    assert_broken(found, "verify-unknown-operator", "JpegNothing 'e'")


# An operator, a change of its node, the code of the problem, and the node's name in messages.
Fault = tuple[str, Callable[[gs.Node], Any], str, str]


def with_input(index: int, tensor: gs.Tensor) -> Callable[[gs.Node], Any]:
    return lambda node: node.inputs.__setitem__(index, tensor)


FAULTS: dict[str, Fault] = {
    "too many inputs": (
        "JpegElu",
        lambda n: n.inputs.append(constant(np.float32, 1)),
        "verify-input-count",
        "JpegElu 'e'",
    ),
    "too few inputs": (
        "JpegElu",
        lambda n: n.inputs.pop(),
        "verify-input-missing",
        "JpegElu 'e'",
    ),
    "an input left out": (
        "JpegConvPRelu",
        with_input(2, gs.Variable.empty()),
        "verify-input-missing",
        "JpegConvPRelu 'r'",
    ),
    "another output": (
        "JpegElu",
        lambda n: n.outputs.append(gs.Variable("more", np.dtype(np.float32))),
        "verify-output-count",
        "JpegElu 'e'",
    ),
    "an unknown attribute": (
        "JpegElu",
        lambda n: n.attrs.update(gamma=1.0),
        "verify-attribute-unknown",
        "JpegElu 'e'",
    ),
    "a missing attribute": (
        "JpegElu",
        lambda n: n.attrs.pop("alpha"),
        "verify-attribute-missing",
        "JpegElu 'e'",
    ),
    "a layout that no kernel takes": (
        "JpegElu",
        lambda n: n.attrs.update(y_frequencies=3),
        "verify-attribute-unknown",
        "JpegElu 'e'",
    ),
    "text for a number": (
        "JpegElu",
        lambda n: n.attrs.update(alpha="1"),
        "verify-attribute-type",
        "JpegElu 'e'",
    ),
    "a number for a list": (
        "JpegConvPRelu",
        lambda n: n.attrs.update(strides=1),
        "verify-attribute-type",
        "JpegConvPRelu 'r'",
    ),
    "a fraction": (
        "JpegConvPRelu",
        lambda n: n.attrs.update(group=1.0),
        "verify-attribute-type",
        "JpegConvPRelu 'r'",
    ),
    "a truth value": (
        "JpegConvPRelu",
        lambda n: n.attrs.update(pads=[True, 1, 1, 1]),
        "verify-attribute-type",
        "JpegConvPRelu 'r'",
    ),
    "a number for text": (
        "JpegConvPRelu",
        lambda n: n.attrs.update(method=4),
        "verify-attribute-type",
        "JpegConvPRelu 'r'",
    ),
    "integers": (
        "JpegConvPRelu",
        with_input(2, constant(np.int64, 16)),
        "verify-operand-not-float",
        "JpegConvPRelu 'r'",
    ),
    "two precisions": (
        "JpegConvPRelu",
        with_input(2, constant(np.float64, 16)),
        "verify-mixed-precision",
        "JpegConvPRelu 'r'",
    ),
    "another rank": (
        "JpegConvPRelu",
        with_input(2, constant(np.float32, 16, 1)),
        "verify-operand-shape",
        "JpegConvPRelu 'r'",
    ),
    "other channels": (
        "JpegConvPRelu",
        with_input(2, constant(np.float32, 17)),
        "verify-operand-shape",
        "JpegConvPRelu 'r'",
    ),
    "a number of another size": (
        "JpegPointwiseConvRelu",
        with_input(1, constant(np.float32, 16, 16, 3, 3)),
        "verify-operand-shape",
        "JpegPointwiseConvRelu 'q'",
    ),
    "another plane": (
        "JpegElu",
        with_input(1, constant(np.float32, 8, 8)),
        "verify-operand-shape",
        "JpegElu 'e'",
    ),
    "a vector for other channels": (
        "JpegConvPRelu",
        with_input(3, constant(np.float32, 1, 15, 1, 1)),
        "verify-operand-shape",
        "JpegConvPRelu 'r'",
    ),
    "a vector for each pixel": (
        "JpegConvPRelu",
        with_input(3, constant(np.float32, 16, 16, 16)),
        "verify-operand-shape",
        "JpegConvPRelu 'r'",
    ),
    "a vector of a higher rank": (
        "JpegConvPRelu",
        with_input(3, constant(np.float32, 1, 1, 16, 1, 1)),
        "verify-operand-shape",
        "JpegConvPRelu 'r'",
    ),
    "a block size of the input": (
        "JpegMaxPool",
        lambda n: n.attrs.update(input_block=4),
        "verify-block-size",
        "JpegMaxPool 'm'",
    ),
    "a block size of the output": (
        "JpegMaxPool",
        lambda n: n.attrs.update(output_block=4),
        "verify-block-size",
        "JpegMaxPool 'm'",
    ),
    "another layout than is made": (
        "JpegElu",
        lambda n: n.attrs.pop("x_group"),
        "verify-layout",
        "JpegElu 'e'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_faults(fault: Fault) -> None:
    op, change, code, node = fault
    found = module()
    change(node_of(found, op))
    assert_broken(found, code, node)


def test_an_operand_of_another_type() -> None:
    text = "(T[N,6,16,16] x) => (T[] y) { y = InstanceNormalization(x, s, t) }"
    found = lowered(Graph(text, {"s": np.ones(6), "t": np.ones(6)}))
    node = node_of(found, "JpegGroupNormalization")
    (index,) = (i for i, t in enumerate(node.inputs) if t.dtype == np.int64)
    node.inputs[index] = constant(np.int32, 4)
    assert_broken(found, "verify-operand-type", "JpegGroupNormalization 'y'", "int32")


def test_a_map_that_may_not_be_grouped() -> None:
    found = lowered(Graph("(T[N,4,16,16] x) => (T[] y) { y = DepthToSpace<blocksize = 2>(x) }"))
    node = node_of(found, "JpegDepthToSpace")
    node.attrs["x_group"] = 16
    names = (f"JpegDepthToSpace '{node.name}'", "'x_group'")
    assert_broken(found, "verify-attribute-unknown", *names)


@pytest.mark.parametrize("change", ["maker", "reader"])
def test_places_of_coefficients(change: str) -> None:
    """Producer and reader agree on the number; standard operators accept whole tiles only."""
    text = "c = Conv<pads = [1, 1, 1, 1]>(x, w)  r = Relu(c)  y = Conv(r, v)"
    weights = {"w": (16, 3, 3, 3), "v": (16, 16, 1, 1)}
    found = planned(
        Graph(f"(T[N,3,16,16] x) => (T[] y) {{ {text} }}", weights), "float", truncate=6
    )
    verify_module(found, "some-pass")
    maker = node_of(found, "JpegConvReluTruncate")
    (reader,) = maker.outputs[0].outputs
    if change == "maker":
        maker.attrs["y_frequencies"] = 7
        assert_broken(found, "verify-layout")
        return
    target = reader.outputs[0]
    reader.op, reader.domain, reader.attrs = "Neg", None, {}
    reader.inputs = [maker.outputs[0]]
    name = maker.outputs[0].name
    assert_broken(found, "verify-compact-map", "Neg 'y'", f"'{name}'")
    assert target.name


def test_factors_may_be_one_map_for_all_channels() -> None:
    """A product accepts one channel for all channels; a maximum does not."""
    text = "(T[N,3,16,16] x, T[N,1,16,16] a) => (T[] y) { y = Mul(x, a) }"
    found = lowered(Graph(text))
    verify_module(found, "some-pass")
    node = node_of(found, "JpegMul")
    node.op = "JpegMax"
    names = ("JpegMax 'y'", "'a.cast' as residual", "[N, 1,")
    assert_broken(found, "verify-operand-shape", *names)


def test_sizes_that_are_not_known_fit() -> None:
    found = module()
    node_of(found, "JpegConvPRelu").inputs[0].shape = None
    verify_module(found, "some-pass")
    node_of(found, "JpegConvPRelu").inputs[0].shape = ("batch", 3, "height", 16)
    verify_module(found, "some-pass")
