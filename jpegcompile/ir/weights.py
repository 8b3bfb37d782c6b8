"""Weights of a graphsurgeon graph: paired with their files, and taken out for a light export."""

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
# Of a tensor that nobody has read yet graphsurgeon has the proto.
Values: TypeAlias = NDArray[Any] | LazyValues

# Where the values of a detached tensor are, as its proto says; no file is called so.
_IN_MEMORY = "/in memory"


def import_graph(model: onnx.ModelProto, folder: Path | None) -> gs.Graph:
    """The graph of a model, its external weights mapped from their files.

    Args:
        model: as `load_source` leaves it.
        folder: that its files of weights are relative to.
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
    """Bytes of the constants of a graph that `detached` could take out."""
    return sum(tensor._values.nbytes for tensor in _plain_constants(graph))


@contextmanager
def detached(graph: gs.Graph, smallest: int) -> Iterator[dict[str, Values]]:
    """The graph without the values of its larger weights, to be exported; they are put back.

    In an export they are external initializers of their name, without a file.

    Args:
        graph: the graph.
        smallest: bytes from which on weights are taken.

    Yields:
        The values by name, for `array_of`.
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
    """The array of what `detached` gives."""
    return np.asarray(values.load() if isinstance(values, LazyValues) else values)


def _plain_constants(graph: gs.Graph) -> list[gs.Constant]:
    """Constants whose bytes are those of their array."""
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
