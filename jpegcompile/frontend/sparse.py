"""Convert sparse weights to dense weights.

sparse_initializer w           =>  initializer w
Constant<sparse_value = w>     =>  Constant<value = w>
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.external_data_helper import uses_external_data

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.walk import all_graphs
from jpegcompile.messages import Message


def make_dense(graph: onnx.GraphProto, source: str) -> None:
    """Convert the sparse weights of a graph and its subgraphs to dense ones, in place.

    Args:
        graph: the graph.
        source: name of the model in messages.

    Raises:
        UnsupportedModelError: if a sparse tensor is damaged, or its values are in another file.
    """
    for each in all_graphs(graph):
        for sparse in each.sparse_initializer:
            each.initializer.append(_dense(sparse, sparse.values.name, source))
        del each.sparse_initializer[:]
        for node in each.node:
            for attribute in node.attribute if node.op_type == "Constant" else ():
                if attribute.name == "sparse_value":
                    tensor = _dense(attribute.sparse_tensor, node.output[0], source)
                    attribute.CopyFrom(onnx.helper.make_attribute("value", tensor))


def _dense(sparse: onnx.SparseTensorProto, name: str, source: str) -> onnx.TensorProto:
    """Convert one tensor. Indices are flat [n], or coordinates [n, rank]."""
    if uses_external_data(sparse.values) or uses_external_data(sparse.indices):
        raise UnsupportedModelError(
            Message(
                "sparse-values-external",
                f"{source}: the values of sparse tensor '{name}' are external data; export a dense"
                " tensor",
            )
        )
    try:
        values, indices = (numpy_helper.to_array(t) for t in (sparse.values, sparse.indices))
        dense = np.zeros(tuple(sparse.dims), values.dtype)
        if indices.ndim == 2:
            dense[tuple(indices.T)] = values
        else:
            dense.reshape(-1)[indices] = values
    except (IndexError, KeyError, MemoryError, ValueError) as error:
        raise UnsupportedModelError(
            Message(
                "sparse-tensor-damaged",
                f"{source}: the values and indices of sparse tensor '{name}' do not match its shape"
                f" {list(sparse.dims)}; export a dense tensor",
            )
        ) from error
    return numpy_helper.from_array(dense, name)
