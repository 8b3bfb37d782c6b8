"""The verifier checks every node of the domain against the definition of its operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from support.graphs import Graph, lowered
from support.plans import planned

from jpegcompile.errors import InternalError
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
    """What the passes make of it for native kernels."""
    return lowered(NETWORK, "float")


def node_of(module: Module, op: str) -> gs.Node:
    (node,) = [node for node in module.graph.nodes if node.op == op]
    return node


def problem(module: Module) -> str:
    with pytest.raises(InternalError) as caught:
        verify_module(module, "some-pass")
    message = str(caught.value)
    start, end = "pass some-pass broke the graph: ", "; please report it"
    assert message.startswith(start)
    assert message.endswith(end)
    return message.removeprefix(start).removesuffix(end)


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
    assert problem(found).startswith("JpegNothing 'e' is no operator of the domain")


# What is done to a node, and what is said of it.
Fault = tuple[str, Callable[[gs.Node], Any], str]


def with_input(index: int, tensor: gs.Tensor) -> Callable[[gs.Node], Any]:
    return lambda node: node.inputs.__setitem__(index, tensor)


FAULTS: dict[str, Fault] = {
    "too many inputs": (
        "JpegElu",
        lambda n: n.inputs.append(constant(np.float32, 1)),
        "JpegElu 'e' has 6 inputs, not 5",
    ),
    "too few inputs": (
        "JpegElu",
        lambda n: n.inputs.pop(),
        "JpegElu 'e' has no input 'forward_columns'",
    ),
    "an input left out": (
        "JpegConvPRelu",
        with_input(2, gs.Variable.empty()),
        "JpegConvPRelu 'r' has no input 'bias'",
    ),
    "another output": (
        "JpegElu",
        lambda n: n.outputs.append(gs.Variable("more", np.dtype(np.float32))),
        "JpegElu 'e' has 2 outputs, not 1",
    ),
    "an unknown attribute": (
        "JpegElu",
        lambda n: n.attrs.update(gamma=1.0),
        "JpegElu 'e' has an unknown attribute 'gamma'",
    ),
    "a missing attribute": (
        "JpegElu",
        lambda n: n.attrs.pop("alpha"),
        "JpegElu 'e' has no attribute 'alpha'",
    ),
    "a layout that no kernel takes": (
        "JpegElu",
        lambda n: n.attrs.update(y_frequencies=3),
        "JpegElu 'e' has an unknown attribute 'y_frequencies'",
    ),
    "text for a number": (
        "JpegElu",
        lambda n: n.attrs.update(alpha="1"),
        "JpegElu 'e' has the attribute alpha = '1', not a number",
    ),
    "a number for a list": (
        "JpegConvPRelu",
        lambda n: n.attrs.update(strides=1),
        "JpegConvPRelu 'r' has the attribute strides = 1, not a list of whole numbers",
    ),
    "a fraction": (
        "JpegConvPRelu",
        lambda n: n.attrs.update(group=1.0),
        "JpegConvPRelu 'r' has the attribute group = 1.0, not a whole number",
    ),
    "a truth value": (
        "JpegConvPRelu",
        lambda n: n.attrs.update(pads=[True, 1, 1, 1]),
        "JpegConvPRelu 'r' has the attribute pads = [True, 1, 1, 1], not a list of whole numbers",
    ),
    "a number for text": (
        "JpegConvPRelu",
        lambda n: n.attrs.update(method=4),
        "JpegConvPRelu 'r' has the attribute method = 4, not text",
    ),
    "integers": (
        "JpegConvPRelu",
        with_input(2, constant(np.int64, 16)),
        "JpegConvPRelu 'r' has 'wrong' as bias of type int64, not floating-point numbers",
    ),
    "two precisions": (
        "JpegConvPRelu",
        with_input(2, constant(np.float64, 16)),
        "JpegConvPRelu 'r' has 'wrong' as bias of type float64 beside float32",
    ),
    "another rank": (
        "JpegConvPRelu",
        with_input(2, constant(np.float32, 16, 1)),
        "JpegConvPRelu 'r' has 'wrong' as bias of shape [16, 1], not [16]",
    ),
    "other channels": (
        "JpegConvPRelu",
        with_input(2, constant(np.float32, 17)),
        "JpegConvPRelu 'r' has 'wrong' as bias of shape [17], not [16]",
    ),
    "a number of another size": (
        "JpegPointwiseConvRelu",
        with_input(1, constant(np.float32, 16, 16, 3, 3)),
        "JpegPointwiseConvRelu 'q' has 'wrong' as weight of shape [16, 16, 3, 3],"
        " not [16, ?, 1, 1]",
    ),
    "another plane": (
        "JpegElu",
        with_input(1, constant(np.float32, 8, 8)),
        "JpegElu 'e' has 'wrong' as inverse_rows of shape [8, 8], not [16, 16]",
    ),
    "a vector for other channels": (
        "JpegConvPRelu",
        with_input(3, constant(np.float32, 1, 15, 1, 1)),
        "JpegConvPRelu 'r' has 'wrong' as slope of shape [1, 15, 1, 1], not [N, 16, 1, 1]",
    ),
    "a vector for each pixel": (
        "JpegConvPRelu",
        with_input(3, constant(np.float32, 16, 16, 16)),
        "JpegConvPRelu 'r' has 'wrong' as slope of shape [16, 16, 16], not [N, 16, 1, 1]",
    ),
    "a vector of a higher rank": (
        "JpegConvPRelu",
        with_input(3, constant(np.float32, 1, 1, 16, 1, 1)),
        "JpegConvPRelu 'r' has 'wrong' as slope of shape [1, 1, 16, 1, 1], not [N, 16, 1, 1]",
    ),
    "a block size of the input": (
        "JpegMaxPool",
        lambda n: n.attrs.update(input_block=4),
        "JpegMaxPool 'm' takes block size 4, its input has another",
    ),
    "a block size of the output": (
        "JpegMaxPool",
        lambda n: n.attrs.update(output_block=4),
        "JpegMaxPool 'm' makes block size 4, its output has another",
    ),
    "another layout than is made": (
        "JpegElu",
        lambda n: n.attrs.pop("x_group"),
        "JpegElu 'e' reads 'r.jpeg' in another layout than it is made in",
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_faults(fault: Fault) -> None:
    op, change, message = fault
    found = module()
    change(node_of(found, op))
    assert problem(found) == message


def test_a_map_that_may_not_be_grouped() -> None:
    found = lowered(Graph("(T[N,4,16,16] x) => (T[] y) { y = DepthToSpace<blocksize = 2>(x) }"))
    node = node_of(found, "JpegDepthToSpace")
    node.attrs["x_group"] = 16
    expected = "has an unknown attribute 'x_group'"
    assert problem(found) == f"JpegDepthToSpace '{node.name}' {expected}"


@pytest.mark.parametrize("change", ["maker", "reader"])
def test_places_of_coefficients(change: str) -> None:
    """Both sides say how many; a standard operator takes whole tiles only."""
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
        assert problem(found).endswith("in another layout than it is made in")
        return
    target = reader.outputs[0]
    reader.op, reader.domain, reader.attrs = "Neg", None, {}
    reader.inputs = [maker.outputs[0]]
    name = maker.outputs[0].name
    assert problem(found) == f"Neg 'y' reads '{name}', of which few coefficients stand"
    assert target.name


def test_factors_may_be_one_map_for_all_channels() -> None:
    """A product takes one channel for all; a maximum does not."""
    text = "(T[N,3,16,16] x, T[N,1,16,16] a) => (T[] y) { y = Mul(x, a) }"
    found = lowered(Graph(text))
    verify_module(found, "some-pass")
    node = node_of(found, "JpegMul")
    node.op = "JpegMax"
    assert problem(found).startswith("JpegMax 'y' has 'a.cast' as residual of shape [N, 1,")


def test_sizes_that_are_not_known_fit() -> None:
    found = module()
    node_of(found, "JpegConvPRelu").inputs[0].shape = None
    verify_module(found, "some-pass")
    node_of(found, "JpegConvPRelu").inputs[0].shape = ("batch", 3, "height", 16)
    verify_module(found, "some-pass")
