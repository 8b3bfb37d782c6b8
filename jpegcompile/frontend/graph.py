"""The graph of a source model, at the size of its image."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_graphsurgeon as gs
from onnx_graphsurgeon.logger import G_LOGGER

from jpegcompile.ir.weights import import_graph
from jpegcompile.network_input import NetworkInput


def graph_at_size(model: onnx.ModelProto, folder: Path | None, image: NetworkInput) -> gs.Graph:
    """The model as a graph whose image input has the channels, height and width of `image`.

    Where that is not what the model declares, the shapes that it declares of other tensors are
    forgotten: they are of another size. `folder` is that of its weights, as for `import_graph`.
    """
    # It logs to the terminal which element types NumPy does not have: not for our users.
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
