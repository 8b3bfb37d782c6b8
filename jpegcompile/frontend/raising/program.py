"""Raise per-pixel functions that a model defines: the nodes of the function between the transforms.

y = JpegPointwise_1(x, c)  =>  f(x, c), from the model's function

    { s = MatMul(inverse_rows, x)  spatial = MatMul(s, inverse_columns)
      ...
      t = MatMul(forward_rows, result)  y = MatMul(t, forward_columns) }
"""

from __future__ import annotations

import onnx
from onnx import helper

from jpegcompile.dct.blocks import BLOCK_SIZES
from jpegcompile.frontend.raising.state import State, Value
from jpegcompile.frontend.raising.statements import append_body
from jpegcompile.frontend.raising.transforms import check_transforms
from jpegcompile.interface import DOMAIN_VERSION
from jpegcompile.messages import Message
from jpegcompile.operators.fragments import BLOCK, FORWARD, INVERSE, TRANSFORMS
from jpegcompile.operators.pixelwise import own_function
from jpegcompile.operators.registry import OPERATORS


def raise_program(state: State, node: onnx.NodeProto) -> None:
    """Append the function of a node.

    Raises:
        UnsupportedModelError: if the model does not define the function, or not in this form.
    """
    function = state.functions.get(node.op_type)
    if function is None and node.op_type in OPERATORS:
        raise state.refusal(
            node,
            Message(
                "own-program-undefined",
                "is a per-pixel function that the model should define, but the model has no local"
                " function of that name; give the model as jpegcompile compile wrote it",
            ),
        )
    inner = None if function is None else _between(function)
    blocks = [a.i for a in node.attribute if a.name == BLOCK.name and a.i in BLOCK_SIZES]
    if function is None or inner is None or len(blocks) != 1 or len(node.output) != 1:
        raise state.refusal(
            node,
            Message(
                "own-operator-unknown",
                f"is not in version {DOMAIN_VERSION} of the jpegcompile operators; upgrade"
                " jpegcompile, or give the source model",
            ),
        )
    given = dict(zip(function.input, node.input, strict=False))
    (block,) = blocks
    constants = tuple(n for n in given if n not in ("x", *INVERSE, *FORWARD))
    form = own_function(node.op_type, "result = Identity(spatial)", constants)
    _, size = check_transforms(state, node, form, given, (block, block), None)
    inputs = {name: state.raw(given[name]) for name in constants}
    inputs["spatial"] = state.pixels(given["x"], block, size, node)
    target = state.twin(node.output[0])
    attributes = {a.name: a for a in node.attribute}
    made = append_body(state, node, inner, attributes, inputs, ("result", target))
    state.raised += 1
    state.values[node.output[0]] = Value(made, block, size)


def _between(function: onnx.FunctionProto) -> list[onnx.NodeProto] | None:
    """Return the nodes between the transforms; None if the function has another form."""
    nodes = list(function.node)
    names = {o.name for o in TRANSFORMS}
    is_framed = (
        len(nodes) >= 4
        and "x" in function.input
        and names <= set(function.input)
        and [n.op_type for n in (*nodes[:2], *nodes[-2:])] == ["MatMul"] * 4
        and nodes[1].output[0] == "spatial"
        and nodes[-2].input[1] == "result"
    )
    if not is_framed:
        return None
    known = {(INVERSE[0], "x"), (FORWARD[0], "result")}
    if {tuple(nodes[0].input), tuple(nodes[-2].input)} != known:
        return None
    inner = nodes[2:-2]
    if any(n.domain for n in inner):
        return None
    return inner or [helper.make_node("Identity", ["spatial"], ["result"])]
