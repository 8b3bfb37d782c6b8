"""Remove from a graph the preprocessing nodes that the ingest computes.

x -> Cast -> a -> Resize -> b -> Div -> c -> Slice -> d -> network
    =>  x' -> Cast -> a' -> Div -> d -> network

Except for the input, a tensor that keeps its name keeps its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx
from onnx import helper

from jpegcompile.frontend.preprocessing_nodes.node_readers import SPATIAL_AXES
from jpegcompile.frontend.preprocessing_nodes.read_nodes import PreprocessingNodes
from jpegcompile.frontend.walk import FreshNames, all_graphs, all_nodes


def remove_preprocessing_nodes(
    model: onnx.ModelProto, image: str, layout: str, found: PreprocessingNodes
) -> None:
    """Remove preprocessing nodes from a graph, in place.

    The input gets the size of the last removed node. Declared shapes of inner tensors are dropped
    so that they are inferred again.

    Args:
        model: the model that `found` was read from.
        image: name of the image input.
        layout: layout of the image input, "NCHW" or "NHWC".
        found: the nodes that `read_preprocessing_nodes` returned; at least one.
    """
    assert found.size is not None
    graph = model.graph
    before = found.output
    orphans: set[str] = set()
    for node in [node for node in graph.node if node.name in found.nodes]:
        graph.node.remove(node)
        orphans.update(node.input)
        if node.output[0] == before:
            before = node.input[0]
        _rename_reads(graph, {node.output[0]: node.input[0]})
    kept = _path(graph, image, before)
    names = FreshNames(graph)
    new = {node.output[0]: names.fresh(f"{node.output[0]}.resized") for node in kept}
    if kept:
        # The last kept node now computes the output of the removed nodes.
        new[before] = found.output
    _rename_reads(graph, new)
    for node in kept:
        node.output[0] = new[node.output[0]]
    if not kept and any(output.name == found.output for output in graph.output):
        copied = names.fresh(f"{found.output}.copied")
        graph.node.insert(0, helper.make_node("Identity", [image], [found.output], copied))
    _drop_unread(graph, orphans)
    value = next(value for value in graph.input if value.name == image)
    for axis, side in zip(SPATIAL_AXES[layout], found.size, strict=True):
        value.type.tensor_type.shape.dim[axis].dim_value = side
    del graph.value_info[:]


def _path(graph: onnx.GraphProto, image: str, tensor: str) -> list[onnx.NodeProto]:
    """Return the nodes that compute `tensor` from the image, in order."""
    images = {image}
    for node in graph.node:
        if images & set(node.input):
            images.update(node.output)
    makers = {name: node for node in graph.node for name in node.output}
    found: list[onnx.NodeProto] = []
    while tensor != image:
        found.insert(0, makers[tensor])
        tensor = next(name for name in makers[tensor].input if name in images)
    return found


def _drop_unread(graph: onnx.GraphProto, names: Iterable[str]) -> None:
    """Remove tensors that have no reader left, and the nodes that compute them."""
    seen_outside = {value.name for value in (*graph.input, *graph.output)}
    waiting = set(names) - seen_outside
    while waiting:
        name = waiting.pop()
        if any(name in node.input for node in all_nodes(graph)):
            continue
        for value in [value for value in graph.initializer if value.name == name]:
            graph.initializer.remove(value)
        for node in [node for node in graph.node if list(node.output) == [name]]:
            graph.node.remove(node)
            waiting.update(set(node.input) - seen_outside)


def _rename_reads(graph: onnx.GraphProto, new: Mapping[str, str]) -> None:
    for each in all_graphs(graph):
        for node in each.node:
            for index, name in enumerate(node.input):
                node.input[index] = new.get(name, name)
