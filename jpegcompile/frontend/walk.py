"""Going through the graphs of a model, and how messages call its nodes."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

# A Slice whose end is this or larger ends where its axis does. Exporters write it so.
END_OF_AXIS = 2**31 - 1
# Exporters name tensors after the path of modules.
_LONGEST = 60


def graphs_of(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that a node holds: branches and loop bodies."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and all graphs within it, outer ones first."""
    yield graph
    for node in graph.node:
        for inner in graphs_of(node):
            yield from all_graphs(inner)


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Nodes of a graph and of the graphs within it."""
    for each in all_graphs(graph):
        yield from each.node


def name_of(node: onnx.NodeProto) -> str:
    """The name of a node, or of its first output where it has none."""
    return node.name or next((output for output in node.output if output), "")


def quoted(name: str) -> str:
    """A name as messages have it: of a long one, the end, which is what differs."""
    return f"'{name}'" if len(name) <= _LONGEST else f"'...{name[-_LONGEST:]}'"


def label(node: onnx.NodeProto) -> str:
    """How messages call a node, whether or not it has a name."""
    return f"node {quoted(name_of(node))} ({node.op_type})"


class FreshNames:
    """Names that no tensor and no node of a model has."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        """Take in the names of a graph and of the graphs within it."""
        self._taken: set[str] = set()
        for each in all_graphs(graph):
            for value in (*each.input, *each.output, *each.initializer):
                self._taken.add(value.name)
            for node in each.node:
                self._taken.update((node.name, *node.input, *node.output))

    def fresh(self, base: str) -> str:
        """`base`, or `base` with the lowest number behind it that is free."""
        name, count = base, 0
        while name in self._taken:
            count += 1
            name = f"{base}.{count}"
        self._taken.add(name)
        return name
