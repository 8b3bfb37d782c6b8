"""Write the ONNX model of a module, with the learned weights in its own initializers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.external_data_helper import uses_external_data
from torch import nn

from jpegcompile.compiler import compile as compile_model
from jpegcompile.learning.onnx.origin import OnnxSource
from jpegcompile.weights.read import MappedWeights
from jpegcompile.weights.write import save

Arrays = dict[str, NDArray[Any]]


def write_onnx(
    module: nn.Module,
    source: OnnxSource,
    path: str | os.PathLike[str] | None = None,
    *,
    compiled: str | os.PathLike[str] | None = None,
    **options: Any,
) -> onnx.ModelProto:
    """Write the ONNX model that a module comes from, with the weights that the module learned.

    Args:
        module: a module of `from_onnx`.
        source: its `source`.
        path: file of the ordinary, spatial model; None to return the model only.
        compiled: file of the JPEG-domain model; None to write none.
        options: options of `compile` for it, in place of those of `from_onnx`.

    Returns:
        The spatial model.

    Raises:
        UsageError, UnsupportedModelError: as for `compile`.
        AccessError: if a file cannot be written.
    """
    values = learned_values(module, source)
    model, external = _with_weights(source, values)
    if path is not None:
        save(model, path, external)
    if external:
        _read_in(model, external)
    if compiled is not None:
        asked = {**source.options, **_frequencies_of(module), **options}
        compile_model(model if path is None else path, **asked).save(compiled)
    return model


def learned_values(module: nn.Module, source: OnnxSource) -> Arrays:
    """Return the learned values by the name of the constant in the prepared graph."""
    state = module.state_dict()
    values = {}
    for path, learned in source.learned.items():
        tensor = state[path].detach().cpu()
        array = (tensor.T if learned.is_transposed else tensor).numpy()
        values[learned.tensor] = np.ascontiguousarray(array).reshape(learned.shape)
    return values


def _with_weights(source: OnnxSource, values: Arrays) -> tuple[onnx.ModelProto, Arrays]:
    """Return the file with learned values, and the values of its external initializers."""
    model = onnx.ModelProto()
    model.CopyFrom(source.file)
    tensors = {t.name: t for t in model.graph.initializer}
    external = {}
    if source.folder is not None:
        mapped = MappedWeights(source.folder)
        external = {t.name: mapped.array(t) for t in tensors.values() if uses_external_data(t)}
    for name, learned in values.items():
        origin = source.origins[name]
        tensor = tensors.get(origin.name)
        if origin.name in external:
            external[origin.name] = origin.write(learned, external[origin.name])
        elif tensor is not None:
            before = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(origin.write(learned, before), origin.name))
        else:
            _replace_node(model.graph, origin.name, learned)
    return model, external


def _replace_node(graph: onnx.GraphProto, name: str, values: NDArray[Any]) -> None:
    """Replace the node that computes a constant by an initializer of the same name."""
    index = next(i for i, node in enumerate(graph.node) if name in node.output)
    del graph.node[index]
    graph.initializer.append(numpy_helper.from_array(values, name))


def _read_in(model: onnx.ModelProto, external: Arrays) -> None:
    for tensor in model.graph.initializer:
        if tensor.name in external:
            tensor.CopyFrom(numpy_helper.from_array(external[tensor.name], tensor.name))


def _frequencies_of(module: nn.Module) -> dict[str, Any]:
    """Return the frequencies of a module whose frequencies were set after it was made."""
    if getattr(module, "decisions", {}) is not None:
        return {}
    options: Any = module.options
    plan = {"frequencies": options.frequencies, "truncate": options.truncate}
    return {**plan, "relu": options.masking}
