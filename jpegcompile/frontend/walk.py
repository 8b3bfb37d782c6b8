"""Iterate over the graphs of a model, and name its nodes in messages."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

# Exporters write this end, or a larger one, for a Slice up to the end of an axis.
END_OF_AXIS = 2**31 - 1
# Exporters name tensors after module paths, which can be long.
_LONGEST = 60


def graphs_of(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Iterate over the subgraphs of a node: branches and loop bodies."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Iterate over a graph and all its subgraphs, outer graphs first."""
    yield graph
    for node in graph.node:
        for inner in graphs_of(node):
            yield from all_graphs(inner)


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Iterate over the nodes of a graph and of its subgraphs."""
    for each in all_graphs(graph):
        yield from each.node


def name_of(node: onnx.NodeProto) -> str:
    """Return the name of a node, or of its first output if it has no name."""
    return node.name or next((output for output in node.output if output), "")


def quoted(name: str) -> str:
    """Return a name in quotes for messages; of a long name, only the end, which identifies it."""
    return f"'{name}'" if len(name) <= _LONGEST else f"'...{name[-_LONGEST:]}'"


def label(node: onnx.NodeProto) -> str:
    """Return the text that identifies a node in messages."""
    return f"node {quoted(name_of(node))} ({node.op_type})"


class FreshNames:
    """Source of names that no tensor and no node of a model has."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        """Record the names in a graph and its subgraphs."""
        self._taken: set[str] = set()
        for each in all_graphs(graph):
            for value in (*each.input, *each.output, *each.initializer):
                self._taken.add(value.name)
            for node in each.node:
                self._taken.update((node.name, *node.input, *node.output))

    def fresh(self, base: str) -> str:
        """Return `base`, or `base.N` with the lowest number N that is free."""
        name, count = base, 0
        while name in self._taken:
            count += 1
            name = f"{base}.{count}"
        self._taken.add(name)
        return name
