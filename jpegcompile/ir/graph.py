"""Helpers for onnx-graphsurgeon graphs that many passes use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.interface import DOMAIN

Dim = int | str
Shape = tuple[Dim, ...]


def has_other_precision(graph: gs.Graph) -> bool:
    """Whether a jpegcompile operator has a floating-point operand other than float32."""
    ours = (node for node in graph.nodes if node.domain == DOMAIN)
    tensors = (tensor for node in ours for tensor in (*node.inputs, *node.outputs))
    return any(is_float(tensor) and tensor.dtype != np.float32 for tensor in tensors)


def is_float(tensor: gs.Tensor) -> bool:
    """Whether a tensor contains floating-point numbers."""
    return tensor.dtype in (np.float16, np.float32, np.float64)


def value_of(tensor: gs.Tensor | None) -> NDArray[Any] | None:
    """Values of a constant tensor; None if the tensor is not constant."""
    return np.asarray(tensor.values) if isinstance(tensor, gs.Constant) else None


def input_at(node: gs.Node, index: int) -> gs.Tensor | None:
    """Input `index` of a node; None if the node omits this optional input."""
    if index >= len(node.inputs) or not node.inputs[index].name:
        return None
    return node.inputs[index]


def label(node: gs.Node) -> str:
    """Name of a node in messages: operator and quoted name."""
    return f"{node.op} '{node.name}'"


def static_dims(dims: Iterable[Any] | None) -> tuple[int, ...] | None:
    """Dimensions as integers; None if one of them is unknown or symbolic."""
    if dims is None:
        return None
    known = tuple(dims)
    if all(isinstance(d, int | np.integer) and d > 0 for d in known):
        return tuple(int(d) for d in known)
    return None


def all_names(graph: gs.Graph) -> set[str]:
    """Names of all tensors of a graph and its subgraphs; ONNX forbids shadowing between them."""
    names = {tensor.name for tensor in (*graph.inputs, *graph.outputs)} | set(graph.tensors())
    for subgraph in graph.subgraphs():
        names |= all_names(subgraph)
    return names


def replace_uses(old: gs.Tensor, new: gs.Tensor) -> None:
    """Redirect every consumer of `old` to `new`; graph outputs stay as they are."""
    if new is old:
        return
    consumers = list(old.outputs)
    list.clear(old.outputs)
    for consumer in {id(node): node for node in consumers}.values():
        for index, tensor in enumerate(consumer.inputs):
            if tensor is old:
                list.__setitem__(consumer.inputs, index, new)
                list.append(new.outputs, consumer)


def detach(nodes: Sequence[gs.Node]) -> None:
    """Disconnect nodes from their inputs and outputs.

    Assigning to `node.inputs` would compare the node with every reader of each input, attribute by
    attribute. Shared constants such as transform matrices have thousands of readers.
    """
    gone = {id(node) for node in nodes}
    read = {id(tensor): tensor for node in nodes for tensor in node.inputs}
    made = {id(tensor): tensor for node in nodes for tensor in node.outputs}
    linked = [tensor.outputs for tensor in read.values()]
    linked += [tensor.inputs for tensor in made.values()]
    for others in linked:
        list.__setitem__(others, slice(None), [n for n in others if id(n) not in gone])
    for node in nodes:
        list.clear(node.inputs)
        list.clear(node.outputs)


def remove_node(graph: gs.Graph, node: gs.Node) -> None:
    """Remove a node from a graph and disconnect it from its tensors."""
    detach([node])
    del graph.nodes[next(i for i, other in enumerate(graph.nodes) if other is node)]


def is_graph_output(graph: gs.Graph, tensor: gs.Tensor) -> bool:
    """Whether a tensor is an output of the graph."""
    return any(tensor is output for output in graph.outputs)


def bypass(graph: gs.Graph, node: gs.Node) -> bool:
    """Remove a node whose output equals its first input; graph outputs keep their names.

    Returns:
        False, with the graph unchanged, if the node connects a graph input to a graph output.
    """
    source, target = node.inputs[0], node.outputs[0]
    if not is_graph_output(graph, target):
        replace_uses(target, source)
        remove_node(graph, node)
        return True
    if not source.inputs or is_graph_output(graph, source):
        return False
    producer = source.inputs[0]
    remove_node(graph, node)
    producer.outputs = [target if t is source else t for t in producer.outputs]
    replace_uses(source, target)
    return True
