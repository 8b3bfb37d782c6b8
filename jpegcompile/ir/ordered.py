"""A graph that is cleaned and sorted in linear time, and however deep it is.

`cleanup` and `toposort` of onnx-graphsurgeon recurse, a few frames for each node of a chain, and
take a node out of a tensor's readers by comparing whole nodes. Constants that thousands of nodes
read, as the matrices of transforms, make that quadratic. The results here are the same, order
included.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import detach


class OrderedGraph(gs.Graph):  # type: ignore[misc]
    """A graph of graphsurgeon; see the module's text. Subgraphs are left to graphsurgeon."""

    nodes: list[gs.Node]

    @classmethod
    def of(cls, graph: gs.Graph) -> OrderedGraph:
        """The same graph: nodes, tensors and lists of them are shared."""
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
        """Sort the nodes by the number of nodes on the longest way to them.

        Raises:
            ValueError: if a node depends on itself.
        """
        for subgraph in self.subgraphs():
            subgraph.toposort()
        inside = {id(node) for node in self.nodes}
        levels: dict[int, int] = {}
        found: dict[int, gs.Node] = {}
        for start in self.nodes:
            # Nodes whose level waits for those before them, with what is left of these.
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
    """The nodes of a graph that a node, or a graph within it, reads from; each once."""
    makers = {id(maker): maker for tensor in _read(node) for maker in tensor.inputs}
    return [maker for key, maker in makers.items() if key in inside]


def _read(node: gs.Node) -> Iterator[gs.Tensor]:
    yield from node.inputs
    for subgraph in node.subgraphs():
        for inner in subgraph.nodes:
            yield from _read(inner)
        yield from subgraph.outputs
