"""Vectors that several nodes share.

Exporters store equal tensors once: the ones and zeros of all fresh normalizations become two
initializers. Such vectors are no tied weights, so each reader learns its own. Kernels and matrices
that nodes share are tied weights and stay shared.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection

import onnx
from onnx import TensorProto

from jpegcompile.frontend.walk import all_graphs

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)


def separate_vectors(
    model: onnx.ModelProto, chosen: Collection[str] | None = None
) -> dict[str, str]:
    """Give every reader of a shared vector its own initializer, in place.

    Args:
        model: the model.
        chosen: names of the vectors; None for all.

    Returns:
        The name of the shared vector by the name of each copy.
    """
    graph = model.graph
    vectors = {t.name: t for t in graph.initializer if _is_vector(t)}
    readers: dict[str, list[tuple[onnx.NodeProto, int]]] = defaultdict(list)
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in vectors:
                readers[name].append((node, index))
    inner = {n for g in list(all_graphs(graph))[1:] for node in g.node for n in node.input}
    fixed = inner | {value.name for value in (*graph.input, *graph.output)}
    copies = {}
    for name, places in readers.items():
        if len(places) < 2 or name in fixed or (chosen is not None and name not in chosen):
            continue
        for node, index in places:
            copy = f"{name}.{node.output[0]}.{index}"
            copies[copy] = name
            node.input[index] = copy
            tensor = graph.initializer.add()
            tensor.CopyFrom(vectors[name])
            tensor.name = copy
    gone = set(copies.values())
    kept = [tensor for tensor in graph.initializer if tensor.name not in gone]
    if gone:
        del graph.initializer[:]
        graph.initializer.extend(kept)
    return copies


def _is_vector(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type in _FLOATS and 1 < math.prod(tensor.dims) == max(tensor.dims, default=0)
