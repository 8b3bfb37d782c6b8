"""Spell sparse weights as dense ones.

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


def make_dense(graph: onnx.GraphProto, source: str) -> None:
    """Fill up the sparse weights of a graph and of the graphs within it, in place.

    Raises:
        UnsupportedModelError: if one is damaged, or has its values in another file.
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
    """Indices count through the whole tensor [n], or are coordinates [n, rank]."""
    if uses_external_data(sparse.values) or uses_external_data(sparse.indices):
        raise UnsupportedModelError(
            f"{source}: the values of sparse tensor '{name}' are external data; export it as a"
            " dense one"
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
            f"{source}: the values and indices of sparse tensor '{name}' do not fit its shape"
            f" {list(sparse.dims)}; export it as a dense one"
        ) from error
    return numpy_helper.from_array(dense, name)
