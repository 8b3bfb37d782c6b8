"""Nodes of a graph as nodes of ONNX alone: operators of our domain by their function bodies."""

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
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.function import function_of


@dataclass(frozen=True)
class PlainNode:
    """A node of ONNX.

    Attributes:
        op: its operator.
        inputs, outputs: names of tensors, "" where one is left out.
        attrs: its attributes.
        constants: the values of inputs that are known, by name.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any]
    constants: Mapping[str, NDArray[Any]]


def plain_nodes(node: gs.Node, operator: Operator | None, opset: int) -> Iterator[PlainNode]:
    """The nodes that compute a node.

    Raises:
        UnsupportedModelError: if it is of a domain that we do not know, or has no function body.
    """
    known = {t.name: v for t in node.inputs if (v := value_of(t)) is not None}
    inputs = tuple(tensor.name for tensor in node.inputs)
    outputs = tuple(tensor.name for tensor in node.outputs)
    if operator is None:
        if node.domain not in (None, "", "ai.onnx"):
            raise UnsupportedModelError(
                f"node '{node.name}' is {node.domain}::{node.op}, which --target triton does not"
                " know; use --target ort"
            )
        yield PlainNode(str(node.op), inputs, outputs, dict(node.attrs), known)
        return
    if not operator.bodies:
        raise UnsupportedModelError(
            f"node '{node.name}' ({node.op}): has no kernel and no function body; use --target ort"
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
    """An attribute of a body, which may be that of the node."""
    if attribute.ref_attr_name:
        return node.attrs[attribute.ref_attr_name]
    return helper.get_attribute_value(attribute)
