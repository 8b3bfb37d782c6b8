"""Standard ONNX nodes as operators of PyTorch in an fx graph.

The compiler writes these expressions for `--target triton`, too; here fx records them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_graphsurgeon as gs
import torch
from torch import fx
from torch.nn import functional

from jpegcompile.backends.triton.standard import expression
from jpegcompile.backends.triton.standard_node import NotWrittenError, Standard
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.graph import is_float, label, value_of
from jpegcompile.learning.onnx.standard_more import MORE, is_more
from jpegcompile.messages import Message

# Returns the value of an input of a node.
Operand = Callable[[gs.Tensor], fx.Proxy | float]


class _Operands(dict[str, Any]):
    """Names of an expression; an input becomes part of the graph when the expression reads it."""

    def __init__(self, node: gs.Node, operand: Operand) -> None:
        super().__init__(torch=torch, functional=functional)
        self._inputs, self._operand = {_name(i): t for i, t in enumerate(node.inputs)}, operand

    def __missing__(self, name: str) -> Any:
        if name not in self._inputs:
            raise KeyError(name)
        self[name] = self._operand(self._inputs[name])
        return self[name]


def evaluate(node: gs.Node, operand: Operand, opset: int, source: str) -> list[Any]:
    """Add a node to an fx graph.

    Args:
        node: the node.
        operand: returns the value of an input.
        opset: opset of the graph.
        source: name of the model in messages.

    Returns:
        The outputs.

    Raises:
        UnsupportedModelError: if PyTorch has no such operator.
    """
    try:
        result = _result(node, operand, opset)
    except NotWrittenError as error:
        raise UnsupportedModelError(
            Message(
                error.reason.code,
                f"{source}: {label(node)}: PyTorch cannot compute it: {error}",
            )
        ) from error
    if len(node.outputs) == 1:
        return [result]
    return [result[index] for index in range(len(node.outputs))]


def _result(node: gs.Node, operand: Operand, opset: int) -> Any:
    if _keeps_floats(node):
        return operand(node.inputs[0])
    if is_more(node):
        return MORE[node.op](node, operand, opset)
    standard = Standard(
        node.op,
        [_name(i) if t.name else "" for i, t in enumerate(node.inputs)],
        [value_of(t) for t in node.inputs],
        node.attrs,
        opset,
        len(node.outputs),
    )
    # The text is that of `expression`: operators of PyTorch and the names of inputs.
    allowed = {"__builtins__": {"float": float, "tuple": tuple}}
    return eval(expression(standard), allowed, _Operands(node, operand))


def _keeps_floats(node: gs.Node) -> bool:
    """Whether a node casts between floating-point types, where the type of the module counts."""
    return node.op == "Cast" and all(map(is_float, (node.inputs[0], node.outputs[0])))


def _name(index: int) -> str:
    return f"input_{index}"
