"""Take preprocessing that the ingest does out of the head of a graph.

x -> Cast -> a -> Resize -> b -> Div -> c -> Slice -> d -> network
    =>  x' -> Cast -> a' -> Div -> d -> network

What still has its name holds the same values as before, but for the input.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import helper

from jpegcompile.frontend.walk import FreshNames, all_graphs
from jpegcompile.preprocessing.onnx_graph import SPATIAL, GraphHead


def remove_head(model: onnx.ModelProto, image: str, layout: str, head: GraphHead) -> None:
    """Take a head's nodes out of a graph, in place; its input then has the head's size.

    The shapes that the model declares between its nodes are dropped, to be inferred again.

    Args:
        model: as it was read.
        image: name of the input.
        layout: of the input.
        head: that it gave; one of nodes.
    """
    assert head.size is not None
    graph = model.graph
    before = _tensors_before(graph, head.output)
    for node in [node for node in graph.node if node.name in head.nodes]:
        graph.node.remove(node)
        _rename_reads(graph, {node.output[0]: node.input[0]})
    names = FreshNames(graph)
    kept = [node for node in graph.node if before & set(node.output)]
    new = {name: names.fresh(f"{name}.resized") for node in kept for name in node.output}
    if kept:
        # The last of them now makes what the head made.
        new[kept[-1].output[0]] = head.output
    _rename_reads(graph, new)
    for node in kept:
        node.output[0] = new[node.output[0]]
    if not kept and any(output.name == head.output for output in graph.output):
        copied = names.fresh(f"{head.output}.copied")
        graph.node.insert(0, helper.make_node("Identity", [image], [head.output], copied))
    value = next(value for value in graph.input if value.name == image)
    for axis, side in zip(SPATIAL[layout], head.size, strict=True):
        value.type.tensor_type.shape.dim[axis].dim_value = side
    del graph.value_info[:]


def _tensors_before(graph: onnx.GraphProto, tensor: str) -> set[str]:
    """What nodes make on the way to a tensor."""
    makers = {name: node for node in graph.node for name in node.output}
    found: set[str] = set()
    waiting = [tensor]
    while waiting:
        name = waiting.pop()
        if name in makers and name not in found:
            found.add(name)
            waiting += makers[name].input
    return found


def _rename_reads(graph: onnx.GraphProto, new: Mapping[str, str]) -> None:
    for each in all_graphs(graph):
        for node in each.node:
            for index, name in enumerate(node.input):
                node.input[index] = new.get(name, name)
