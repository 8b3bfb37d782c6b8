"""Consumers of a node, for passes that fuse several nodes into one operator."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.interface import DOMAIN
from jpegcompile.ir.graph import is_graph_output
from jpegcompile.ir.module import Module


def only_reader(tensor: gs.Tensor, module: Module, inside: set[int]) -> gs.Node | None:
    """Return the only reader of a tensor.

    Args:
        tensor: the tensor.
        module: the module that contains the tensor.
        inside: `id` of every node of the main graph.

    Returns:
        None if the tensor has several readers or none, is a graph output, or is read in a subgraph.
    """
    if len(tensor.outputs) != 1 or is_graph_output(module.graph, tensor):
        return None
    reader = tensor.outputs[0]
    return reader if id(reader) in inside else None


def residual_of(node: gs.Node, made: gs.Tensor, module: Module) -> gs.Tensor | None:
    """Return the map that an Add or Sum adds to `made`.

    Args:
        node: the node.
        made: the operand to which the other one is added.
        module: the module that contains the node.

    Returns:
        The other operand, of the same shape, type and block size; None for any other node.
    """
    if node.op not in ("Add", "Sum") or node.domain == DOMAIN or len(node.inputs) != 2:
        return None
    other: gs.Tensor = next(t for t in node.inputs if t is not made)
    same = isinstance(other, gs.Variable) and _is_alike(made, other, module)
    return other if same and _is_alike(made, node.outputs[0], module) else None


def _is_alike(one: gs.Tensor, other: gs.Tensor, module: Module) -> bool:
    shapes = [tuple(t.shape or ()) for t in (one, other)]
    known = len(shapes[0]) == 4 and all(size is not None for size in shapes[0])
    is_same = known and shapes[0] == shapes[1] and one.dtype == other.dtype
    return is_same and module.current_block(one) == module.current_block(other)


def forget(inner: gs.Tensor, module: Module) -> None:
    """Forget a tensor that has become internal to a fused operator."""
    module.twins.pop(inner.name, None)
    module.blocks.pop(inner.name, None)
