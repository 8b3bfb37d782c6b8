"""Weights of a graphsurgeon graph: mapped from files, and detached for a small export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from numpy.typing import NDArray
from onnx import helper
from onnx.external_data_helper import uses_external_data
from onnx_graphsurgeon.ir.tensor import LazyValues, SparseValues

from jpegcompile.weights.read import MappedWeights

Weights = dict[str, NDArray[Any]]
# graphsurgeon loads the values of a tensor when they are first read.
Values: TypeAlias = NDArray[Any] | LazyValues

# External location of a detached tensor; not a valid file name.
_IN_MEMORY = "/in memory"


def import_graph(model: onnx.ModelProto, folder: Path | None) -> gs.Graph:
    """Import the graph of a model and map its external weights from their files.

    Args:
        model: a model from `load_source`.
        folder: folder of the weight files; None if the model has no external weights.
    """
    graph = gs.import_onnx(model)
    if folder is None:
        return graph
    mapped = MappedWeights(folder)
    for tensor in graph.tensors().values():
        if isinstance(tensor, gs.Constant) and isinstance(tensor._values, LazyValues):
            proto = tensor._values.tensor
            if isinstance(proto, onnx.TensorProto) and uses_external_data(proto):
                tensor.values = mapped.array(proto)
                tensor.data_location = onnx.TensorProto.DEFAULT
    return graph


def weight_bytes(graph: gs.Graph) -> int:
    """Total bytes of the constants that `detached` can detach."""
    return sum(tensor._values.nbytes for tensor in _plain_constants(graph))


@contextmanager
def detached(graph: gs.Graph, smallest: int) -> Iterator[dict[str, Values]]:
    """Detach the values of larger weights for an export, and restore them afterwards.

    The exported model has external initializers of the same names, without a file.

    Args:
        graph: the graph.
        smallest: smallest size in bytes of the weights to detach.

    Yields:
        The detached values by name, for `array_of`.
    """
    taken: list[tuple[gs.Constant, Values, int | None]] = []
    try:
        for tensor in _plain_constants(graph):
            if tensor._values.nbytes < smallest:
                continue
            taken.append((tensor, tensor._values, tensor.data_location))
            tensor.values, tensor.data_location = LazyValues(_stub(tensor)), None
        yield {tensor.name: values for tensor, values, _ in taken}
    finally:
        for tensor, values, location in taken:
            tensor.values, tensor.data_location = values, location


def array_of(values: Values) -> NDArray[Any]:
    """Convert values that `detached` yields to an array."""
    return np.asarray(values.load() if isinstance(values, LazyValues) else values)


def _plain_constants(graph: gs.Graph) -> list[gs.Constant]:
    """Constants whose serialized bytes equal the bytes of their array."""
    return [
        tensor
        for tensor in graph.tensors().values()
        if isinstance(tensor, gs.Constant)
        and not isinstance(tensor._values, SparseValues)
        and tensor.export_dtype == tensor.dtype
        and not isinstance(tensor.dtype, int)
        and np.dtype(tensor.dtype).kind in "fiub"
    ]


def _stub(tensor: gs.Constant) -> onnx.TensorProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
    stub = onnx.TensorProto(
        name=tensor.name,
        data_type=kind,
        dims=tensor.shape,
        data_location=onnx.TensorProto.EXTERNAL,
    )
    stub.external_data.add(key="location", value=_IN_MEMORY)
    return stub
