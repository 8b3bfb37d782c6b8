"""Sort the nodes of a model topologically.

ONNX Runtime accepts nodes in any order. The sort is stable: a sorted model stays as it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import onnx

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.walk import graphs_of, label, quoted
from jpegcompile.messages import Message

# Number of tensors of a cycle that a message names.
_MOST_NAMED = 2


def sort_nodes(model: onnx.ModelProto, source: str) -> None:
    """Sort the nodes of the graph, its subgraphs and local functions, in place.

    Args:
        model: the model.
        source: name of the model in messages.

    Raises:
        UnsupportedModelError: if two nodes output the same tensor, no node outputs a tensor that is
            read or is a graph output, or a tensor depends on itself.
    """
    _sort_graph(model.graph, frozenset(), source)
    for function in model.functions:
        where = f"{source}: function '{function.name}'"
        _sort(function, frozenset(function.input), frozenset(), where)


def _sort_graph(graph: onnx.GraphProto, outer: AbstractSet[str], where: str) -> None:
    given = _given(graph)
    inside = outer | given | _sort(graph, given, outer, where)
    for output in graph.output:
        if output.name not in inside:
            raise UnsupportedModelError(
                Message(
                    "output-not-computed",
                    f"{where}: no node computes output '{output.name}'; declare the output of a"
                    " node, or export the model again",
                )
            )
    for node in graph.node:
        for inner in graphs_of(node):
            _sort_graph(inner, inside, where)


def _given(graph: onnx.GraphProto) -> set[str]:
    """Return the inputs and initializers of a graph."""
    tensors = (*graph.input, *graph.initializer)
    return {tensor.name for tensor in tensors} | {
        tensor.values.name for tensor in graph.sparse_initializer
    }


def _sort(
    holder: onnx.GraphProto | onnx.FunctionProto,
    given: AbstractSet[str],
    outer: AbstractSet[str],
    where: str,
) -> AbstractSet[str]:
    """Sort the nodes of a graph or function.

    Args:
        holder: the graph or function.
        given: its inputs and initializers.
        outer: tensors of the enclosing graphs.
        where: name of the graph or function in messages.

    Returns:
        The tensors that its nodes compute.
    """
    listed = list(holder.node)
    made = _makers(listed, given, where)
    known = outer | given
    # The producers that each node depends on.
    before: list[set[int]] = []
    for node in listed:
        reads = [name for name in _reads(node) if name not in known]
        absent = next((name for name in reads if name not in made), None)
        if absent is not None:
            raise UnsupportedModelError(
                Message(
                    "tensor-not-computed",
                    f"{where}: {label(node)} reads {quoted(absent)}, which no node computes; export"
                    " the model again, or cut it at tensors that exist",
                )
            )
        before.append({made[name] for name in reads})
    order = _order(before)
    if len(order) < len(listed):
        _refuse_cycle(listed, before, set(range(len(listed))) - set(order), where)
    if order != list(range(len(listed))):
        # Protobuf messages that are deleted from a field must not be added to it again: copy them.
        sorted_nodes = [onnx.NodeProto() for _ in order]
        for copy, index in zip(sorted_nodes, order, strict=True):
            copy.CopyFrom(listed[index])
        del holder.node[:]
        holder.node.extend(sorted_nodes)
    return made.keys()


def _order(before: Sequence[AbstractSet[int]]) -> list[int]:
    """Return the indices in a stable topological order.

    Args:
        before: for each index, the indices that must precede it.

    Returns:
        The sorted indices, without those that are part of or depend on a cycle.
    """
    readers: list[list[int]] = [[] for _ in before]
    waits = [len(earlier) for earlier in before]
    for index, earlier in enumerate(before):
        for other in earlier:
            readers[other].append(index)
    ready = [index for index, count in enumerate(waits) if not count]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for reader in readers[index]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, reader)
    return order


def _makers(
    nodes: Iterable[onnx.NodeProto], given: AbstractSet[str], where: str
) -> Mapping[str, int]:
    """Return the index of the node that computes each tensor."""
    makers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in makers or name in given:
                other = (
                    "the output of another node" if name in makers else "an input or initializer"
                )
                raise UnsupportedModelError(
                    Message(
                        "tensor-computed-twice",
                        f"{where}: {label(node)} computes {quoted(name)}, which is also {other};"
                        " give each tensor a name of its own",
                    )
                )
            makers[name] = index
    return makers


def _reads(node: onnx.NodeProto) -> set[str]:
    """Return the tensors that a node and its subgraphs read from outside the node."""
    names = {name for name in node.input if name}
    for inner in graphs_of(node):
        names |= _reads_from_outside(inner)
    return names


def _reads_from_outside(graph: onnx.GraphProto) -> set[str]:
    names = {output.name for output in graph.output if output.name}
    made: set[str] = _given(graph)
    for node in graph.node:
        names |= _reads(node)
        made.update(node.output)
    return names - made


def _refuse_cycle(
    nodes: Sequence[onnx.NodeProto],
    before: Sequence[AbstractSet[int]],
    waiting: AbstractSet[int],
    where: str,
) -> None:
    """Raise an error that names a node on a cycle and some tensors of the cycle."""
    path = [min(waiting)]
    places = {path[0]: 0}
    while True:
        earlier = min(before[path[-1]] & waiting)
        if earlier in places:
            break
        places[earlier] = len(path)
        path.append(earlier)
    # Each node of the path reads the next one.
    cycle = [nodes[index] for index in reversed(path[places[earlier] :])]
    made = [next(name for name in node.output if name) for node in cycle]
    names = ", ".join(map(quoted, made[:_MOST_NAMED]))
    more = f" and {len(made) - _MOST_NAMED} more" if len(made) > _MOST_NAMED else ""
    raise UnsupportedModelError(
        Message(
            "graph-has-cycle",
            f"{where}: {label(cycle[0])} depends on its own output through {names}{more}; export"
            " the model again, with Loop or Scan for loops",
        )
    )
