"""Constant folding, also of graphs whose weights exceed the limit of protobuf.

Op(constants...)  =>  constant        exact: computed by ONNX Runtime, one node at a time

graphsurgeon serializes the nodes that it folds. Large constants are therefore fed to ONNX Runtime
as inputs, so that protobuf never contains them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from jpegcompile.interface import IR_VERSION
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.weights import weight_bytes
from jpegcompile.target.base import CPU_PROVIDERS
from jpegcompile.weights.write import MOST_IN_ONE_FILE

# These return other values in every run, so they are not constant.
RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial")
# graphsurgeon does not fold these.
_QUANTIZATION = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
# Bytes. Thousands of smaller constants fit into one protobuf.
_LARGE = 1 << 20


def fold_constants(
    graph: gs.Graph,
    excluded: Collection[str],
    most: int = MOST_IN_ONE_FILE,
    large: int = _LARGE,
) -> None:
    """Fold nodes that depend on constants only, in place.

    Nodes without readers stay in the graph until `cleanup`.

    Args:
        graph: the graph, in topological order.
        excluded: operators that are not folded.
        most: total bytes of constants up to which graphsurgeon serializes all of them.
        large: above `most`, constants of this many bytes or more are not serialized.
    """
    if weight_bytes(graph) <= most:
        _fold_small(graph, lambda node: node.op in excluded)
        return
    while True:
        _fold_small(graph, lambda node: node.op in excluded or _takes_large(node, large))
        nodes = [n for n in graph.nodes if n.op not in (*excluded, *_QUANTIZATION)]
        if not [n for n in nodes if _takes_large(n, large) and _fold_node(n, graph, large)]:
            return


def _fold_small(graph: gs.Graph, is_excluded: Callable[[gs.Node], bool]) -> None:
    # graphsurgeon copies the graph before it looks for nodes to fold; most graphs have none.
    if any(map(_may_fold, graph.nodes)):
        graph.fold_constants(fold_shapes=False, should_exclude_node=is_excluded)


def _may_fold(node: gs.Node) -> bool:
    """Whether a node reads constants only, or contains graphs."""
    return all(isinstance(t, gs.Constant) or not t.name for t in node.inputs) or any(
        isinstance(value, gs.Graph) for value in node.attrs.values()
    )


def _takes_large(node: gs.Node, large: int) -> bool:
    return any(isinstance(t, gs.Constant) and t._values.nbytes >= large for t in node.inputs)


def _fold_node(node: gs.Node, graph: gs.Graph, large: int) -> bool:
    """Compute a node of constants; return False, with the node unchanged, if that fails."""
    given = [t for t in node.inputs if t.name]
    has_graphs = any(isinstance(value, gs.Graph) for value in node.attrs.values())
    if not node.outputs or has_graphs or any(value_of(t) is None for t in given):
        return False
    try:
        results = _run(node, {t.name: t for t in given}, int(graph.opset), large)
    except Exception:
        # As in graphsurgeon, a node that ONNX Runtime cannot compute stays in the graph.
        return False
    for tensor, values in zip([t for t in node.outputs if t.name], results, strict=True):
        tensor.inputs.clear()
        tensor.to_constant(values)
    return True


def _run(
    node: gs.Node, given: dict[str, gs.Constant], opset: int, large: int
) -> list[NDArray[Any]]:
    """Compute the outputs of a node.

    Small inputs are initializers, since shape inference may need their values.
    """
    fed = {name: t for name, t in given.items() if t._values.nbytes >= large}
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(t.dtype), t.shape)
        for name, t in fed.items()
    ]
    names = [t.name for t in node.outputs if t.name]
    proto = helper.make_graph(
        [OnnxExporter.export_node(node)],
        "folded",
        inputs,
        [helper.make_empty_tensor_value_info(name) for name in names],
        [OnnxExporter.export_tensor_proto(t) for name, t in given.items() if name not in fed],
    )
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    return list(session.run(names, {name: np.asarray(t.values) for name, t in fed.items()}))
