"""Import a source model as a graph with a fixed image size."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_graphsurgeon as gs
from onnx_graphsurgeon.logger import G_LOGGER

from jpegcompile.ir.weights import import_graph
from jpegcompile.network_input import NetworkInput


def graph_at_size(model: onnx.ModelProto, folder: Path | None, image: NetworkInput) -> gs.Graph:
    """Import a model as a graph whose image input has the channels, height and width of `image`.

    If the model declares another size, the declared shapes of all other tensors are dropped.

    Args:
        model: the model.
        folder: folder of its weight files, as for `import_graph`.
        image: the image input.
    """
    # graphsurgeon logs element types that NumPy lacks, which does not concern users.
    with G_LOGGER.suppress():
        graph = import_graph(model, folder)
    declared = next(t for t in graph.inputs if t.name == image.name)
    if tuple(declared.shape[1:]) == image.shape:
        return graph
    kept = {id(tensor) for tensor in graph.inputs}
    for tensor in graph.tensors().values():
        if isinstance(tensor, gs.Variable) and id(tensor) not in kept:
            tensor.shape = None
    declared.shape = (declared.shape[0], *image.shape)
    return graph
