"""Sort the nodes of a model so that each comes behind what it reads, as far as they can be sorted.

ONNX Runtime takes nodes in any order. The sort is stable: a model that is sorted stays as it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import onnx

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.walk import graphs_of, label, quoted

# Tensors of a loop that a message names.
_MOST_NAMED = 2


def sort_nodes(model: onnx.ModelProto, source: str) -> None:
    """Sort the nodes of the graph, of the graphs within it and of local functions, in place.

    Args:
        model: to be sorted.
        source: how messages call it.

    Raises:
        UnsupportedModelError: if a tensor is made twice, is read or given out but not made, or
            depends on itself.
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
                f"{where}: no node makes output '{output.name}'; declare a tensor that a node"
                " makes, or export the model again"
            )
    for node in graph.node:
        for inner in graphs_of(node):
            _sort_graph(inner, inside, where)


def _given(graph: onnx.GraphProto) -> set[str]:
    """Tensors that a graph has without a node."""
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
        holder: to be sorted.
        given: its tensors that no node makes.
        outer: tensors of the graphs around it.
        where: how messages call it.

    Returns:
        The tensors that its nodes make.
    """
    listed = list(holder.node)
    made = _makers(listed, given, where)
    known = outer | given
    # Which nodes each one waits for.
    before: list[set[int]] = []
    for node in listed:
        reads = [name for name in _reads(node) if name not in known]
        absent = next((name for name in reads if name not in made), None)
        if absent is not None:
            raise UnsupportedModelError(
                f"{where}: {label(node)} reads {quoted(absent)}, which nothing makes; export the"
                " model again, or cut it where its tensors are made"
            )
        before.append({made[name] for name in reads})
    order = _order(before)
    if len(order) < len(listed):
        _refuse_cycle(listed, before, set(range(len(listed))) - set(order), where)
    if order != list(range(len(listed))):
        # What is deleted from a repeated field must not be put back into it.
        sorted_nodes = [onnx.NodeProto() for _ in order]
        for copy, index in zip(sorted_nodes, order, strict=True):
            copy.CopyFrom(listed[index])
        del holder.node[:]
        holder.node.extend(sorted_nodes)
    return made.keys()


def _order(before: Sequence[AbstractSet[int]]) -> list[int]:
    """Indices such that each comes behind those before it, otherwise as they are.

    Those that wait for each other are left out.
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
    """Which node makes each tensor, by its place."""
    makers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in makers or name in given:
                other = "another node makes" if name in makers else "is an input or an initializer"
                raise UnsupportedModelError(
                    f"{where}: {label(node)} makes {quoted(name)}, which {other} as well; give"
                    " each tensor a name of its own"
                )
            makers[name] = index
    return makers


def _reads(node: onnx.NodeProto) -> set[str]:
    """Tensors that a node reads, those that graphs within it read from outside included."""
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
    """Name a node that depends on itself, and the tensors in between."""
    path = [min(waiting)]
    places = {path[0]: 0}
    while True:
        earlier = min(before[path[-1]] & waiting)
        if earlier in places:
            break
        places[earlier] = len(path)
        path.append(earlier)
    # Each node of the path reads the one behind it.
    cycle = [nodes[index] for index in reversed(path[places[earlier] :])]
    made = [next(name for name in node.output if name) for node in cycle]
    names = ", ".join(map(quoted, made[:_MOST_NAMED]))
    more = f" and {len(made) - _MOST_NAMED} more" if len(made) > _MOST_NAMED else ""
    raise UnsupportedModelError(
        f"{where}: {label(cycle[0])} depends on its own output, by way of {names}{more}; a model"
        " has no loops but Loop and Scan: export it again"
    )
