"""Expand nodes to standard ONNX nodes, with function bodies for `jpegcompile` operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import onnx
import onnx_graphsurgeon as gs
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.graph import value_of
from jpegcompile.messages import Message
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.function import function_of


@dataclass(frozen=True)
class PlainNode:
    """A standard ONNX node.

    Attributes:
        op: its operator.
        inputs, outputs: names of tensors; "" for an omitted one.
        attrs: its attributes.
        constants: values of constant inputs by name.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any]
    constants: Mapping[str, NDArray[Any]]


def plain_nodes(node: gs.Node, operator: Operator | None, opset: int) -> Iterator[PlainNode]:
    """Expand a node to standard ONNX nodes.

    Args:
        node: the node.
        operator: its `jpegcompile` operator; None for a standard operator.
        opset: opset of the graph.

    Raises:
        UnsupportedModelError: if the node is of an unknown operator domain or has no function body.
    """
    known = {t.name: v for t in node.inputs if (v := value_of(t)) is not None}
    inputs = tuple(tensor.name for tensor in node.inputs)
    outputs = tuple(tensor.name for tensor in node.outputs)
    if operator is None:
        if node.domain not in (None, "", "ai.onnx"):
            raise UnsupportedModelError(
                Message(
                    "triton-operator-domain-unknown",
                    f"node '{node.name}' is {node.domain}::{node.op}, which --target triton does"
                    " not support; use --target ort",
                )
            )
        yield PlainNode(str(node.op), inputs, outputs, dict(node.attrs), known)
        return
    if not operator.bodies:
        raise UnsupportedModelError(
            Message(
                "triton-without-function-body",
                f"node '{node.name}' ({node.op}): has neither a GPU kernel nor a function body; use"
                " --target ort",
            )
        )
    yield from _expanded(node, function_of(operator, opset), inputs, outputs, known)


def _expanded(
    node: gs.Node,
    function: onnx.FunctionProto,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    known: Mapping[str, NDArray[Any]],
) -> Iterator[PlainNode]:
    names = dict(zip(function.input, inputs, strict=False))
    names |= dict(zip(function.output, outputs, strict=True))
    constants = dict(known)

    def renamed(name: str) -> str:
        return names.get(name, f"{node.name}.{name}") if name else ""

    for inner in function.node:
        attrs = {a.name: _value(a, node) for a in inner.attribute}
        made = tuple(map(renamed, inner.output))
        if inner.op_type == "Constant":
            constants[made[0]] = numpy_helper.to_array(attrs["value"])
            continue
        read = tuple(map(renamed, inner.input))
        yield PlainNode(inner.op_type, read, made, attrs, constants)


def _value(attribute: onnx.AttributeProto, node: gs.Node) -> Any:
    """Return the value of an attribute in a body, which can refer to an attribute of the node."""
    if attribute.ref_attr_name:
        return node.attrs[attribute.ref_attr_name]
    return helper.get_attribute_value(attribute)
