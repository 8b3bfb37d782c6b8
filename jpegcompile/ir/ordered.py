"""A graph with cleanup and topological sort in linear time, for graphs of any depth.

`cleanup` and `toposort` of onnx-graphsurgeon recurse with a few frames for each node of a chain.
They also compare whole nodes to remove a reader of a tensor. This is quadratic for constants with
thousands of readers, such as transform matrices. The methods here return the same
results, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import detach


class OrderedGraph(gs.Graph):  # type: ignore[misc]
    """A graphsurgeon graph with linear-time methods; subgraphs keep graphsurgeon's methods."""

    nodes: list[gs.Node]

    @classmethod
    def of(cls, graph: gs.Graph) -> OrderedGraph:
        """Wrap a graph; nodes, tensors and their lists are shared with it."""
        result = cls.__new__(cls)
        result.__dict__.update(graph.__dict__)
        return result

    def cleanup(self, *_: Any, **__: Any) -> OrderedGraph:
        """Remove nodes that no output depends on."""
        for subgraph in self.subgraphs():
            subgraph.cleanup()
        for tensor in self.inputs:
            tensor.inputs.clear()
        used = self._used()
        detach([node for node in self.nodes if id(node) not in used])
        self.nodes = [node for node in self.nodes if id(node) in used]
        return self

    def toposort(self, *_: Any, **__: Any) -> OrderedGraph:
        """Sort the nodes by the length of the longest path from an input to them.

        Raises:
            ValueError: if a node depends on itself.
        """
        for subgraph in self.subgraphs():
            subgraph.toposort()
        inside = {id(node) for node in self.nodes}
        levels: dict[int, int] = {}
        found: dict[int, gs.Node] = {}
        for start in self.nodes:
            # Nodes whose level is still unknown, each with its remaining producers.
            open_nodes = {id(start): (start, iter(_before(start, inside)))}
            while open_nodes and id(start) not in levels:
                node, rest = next(reversed(open_nodes.values()))
                earlier = next((n for n in rest if id(n) not in levels), None)
                if earlier is None:
                    before = [levels[id(n)] for n in _before(node, inside)]
                    levels[id(node)] = max(before, default=-1) + 1
                    found[id(node)] = node
                    del open_nodes[id(node)]
                elif id(earlier) in open_nodes:
                    raise ValueError(f"node '{earlier.name}' depends on itself")
                else:
                    open_nodes[id(earlier)] = (earlier, iter(_before(earlier, inside)))
        self.nodes = sorted(found.values(), key=lambda node: levels[id(node)])
        return self

    def _used(self) -> set[int]:
        """`id` of every node that an output depends on."""
        inside = {id(node) for node in self.nodes}
        used: set[int] = set()
        waiting = [node for tensor in self.outputs for node in tensor.inputs]
        while waiting:
            node = waiting.pop()
            if id(node) in inside and id(node) not in used:
                used.add(id(node))
                waiting += _before(node, inside)
        return used


def _before(node: gs.Node, inside: set[int]) -> list[gs.Node]:
    """Nodes whose outputs a node or its subgraphs read, each once."""
    makers = {id(maker): maker for tensor in _read(node) for maker in tensor.inputs}
    return [maker for key, maker in makers.items() if key in inside]


def _read(node: gs.Node) -> Iterator[gs.Tensor]:
    yield from node.inputs
    for subgraph in node.subgraphs():
        for inner in subgraph.nodes:
            yield from _read(inner)
        yield from subgraph.outputs
