"""Small helpers on onnx-graphsurgeon graphs that every pass needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.interface import DOMAIN

Dim = int | str
Shape = tuple[Dim, ...]


def has_other_precision(graph: gs.Graph) -> bool:
    """Whether an operator of ours reads or makes floating-point numbers other than float32."""
    ours = (node for node in graph.nodes if node.domain == DOMAIN)
    tensors = (tensor for node in ours for tensor in (*node.inputs, *node.outputs))
    return any(is_float(tensor) and tensor.dtype != np.float32 for tensor in tensors)


def is_float(tensor: gs.Tensor) -> bool:
    """Whether a tensor holds floating-point numbers."""
    return tensor.dtype in (np.float16, np.float32, np.float64)


def value_of(tensor: gs.Tensor | None) -> NDArray[Any] | None:
    """The array of a constant tensor, or None if it is not constant."""
    return np.asarray(tensor.values) if isinstance(tensor, gs.Constant) else None


def input_at(node: gs.Node, index: int) -> gs.Tensor | None:
    """Input `index` of a node; None where an optional input is left out."""
    if index >= len(node.inputs) or not node.inputs[index].name:
        return None
    return node.inputs[index]


def label(node: gs.Node) -> str:
    """How messages name a node."""
    return f"{node.op} '{node.name}'"


def static_dims(dims: Iterable[Any] | None) -> tuple[int, ...] | None:
    """Dimensions as integers, or None if any is unknown or symbolic."""
    if dims is None:
        return None
    known = tuple(dims)
    if all(isinstance(d, int | np.integer) and d > 0 for d in known):
        return tuple(int(d) for d in known)
    return None


def all_names(graph: gs.Graph) -> set[str]:
    """Names of the tensors of a graph and of its subgraphs, which may not hide one another."""
    names = {tensor.name for tensor in (*graph.inputs, *graph.outputs)} | set(graph.tensors())
    for subgraph in graph.subgraphs():
        names |= all_names(subgraph)
    return names


def replace_uses(old: gs.Tensor, new: gs.Tensor) -> None:
    """Let every consumer of `old`, graph outputs aside, read `new` instead."""
    for consumer in list(old.outputs):
        consumer.inputs = [new if t is old else t for t in consumer.inputs]


def is_graph_output(graph: gs.Graph, tensor: gs.Tensor) -> bool:
    """Whether a tensor leaves the graph."""
    return any(tensor is output for output in graph.outputs)


def bypass(graph: gs.Graph, node: gs.Node) -> bool:
    """Remove a node that only passes its first input on; the names of graph outputs stay.

    Returns:
        False, with the graph untouched, where the node ties a graph input to a graph output.
    """
    source, target = node.inputs[0], node.outputs[0]
    if not is_graph_output(graph, target):
        replace_uses(target, source)
        node.inputs, node.outputs = [], []
        graph.nodes.remove(node)
        return True
    if not source.inputs or is_graph_output(graph, source):
        return False
    producer = source.inputs[0]
    node.inputs, node.outputs = [], []
    graph.nodes.remove(node)
    producer.outputs = [target if t is source else t for t in producer.outputs]
    replace_uses(source, target)
    return True
