"""ONNX models of modules that come from PyTorch: spatial ones, and compiled ones."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from typing import Any

import onnx
import torch
from torch import fx, nn

from jpegcompile.compiler import compile as compile_model
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UnsupportedModelError, UsageError, one_line
from jpegcompile.frequency_plan import (
    PIECEWISE_LINEAR,
    FrequencyPlan,
    Masking,
    NodeFrequencies,
)
from jpegcompile.learning.lowering.module import Entry, JpegModule
from jpegcompile.learning.lowering.slots import frequencies_of, plan_of
from jpegcompile.learning.lowering.spatial import to_spatial_module
from jpegcompile.learning.lowering.twins import clone, is_masked
from jpegcompile.learning.modules.casts import Truncate
from jpegcompile.learning.torch_import import image_shape
from jpegcompile.learning.tracing import trace
from jpegcompile.messages import Message
from jpegcompile.weights.write import save

_OPSET = 17
_INPUT = "image"
_ALIAS = "piecewise"


def write_torch_onnx(
    module: nn.Module,
    path: str | os.PathLike[str] | None = None,
    *,
    compiled: str | os.PathLike[str] | None = None,
    size: int | tuple[int, ...] | None = None,
    **options: Any,
) -> onnx.ModelProto:
    """Write the ordinary, spatial ONNX model of a module, for any batch.

    Args:
        module: a module of `from_torch`, or one that is composed of JPEG modules.
        path: file of the spatial model; None to return the model only.
        compiled: file of the JPEG-domain model; None to write none. Its masks and truncations are
            those of the module.
        size: size of images, as for `from_torch`; a module of `from_torch` knows it.
        options: options of `compile` for the JPEG-domain model.

    Returns:
        The spatial model, in evaluation form. Batch normalizations are kept.

    Raises:
        UsageError: if the size is missing, options do not fit the model, or the module was traced
            for training and its forward differs in evaluation.
        UnsupportedModelError: if PyTorch cannot export the module, or as for `compile`.
        AccessError: if a file cannot be written.
    """
    spatial = to_spatial_module(module)
    for part in spatial.modules():
        if isinstance(part, Entry):
            part.check_mode(training=False)
    names = _own_names(spatial)
    model = _exported(spatial, _shape(module, size))
    _rename(model, names)
    if path is not None:
        save(model, path, {})
    if compiled is not None:
        chosen = {"frequencies": _plan(module, list(names.values()), model), **options}
        compile_model(model, **chosen).save(compiled)
    return model


def _shape(module: nn.Module, size: int | tuple[int, ...] | None) -> tuple[int, ...]:
    if size is not None:
        return image_shape(size)
    if isinstance(module, JpegModule):
        return (2, *module.image_shape)
    text = f"a {type(module).__name__} does not know the size of its images; give `size`"
    raise UsageError(Message("learning-size-missing", text))


def _own_names(spatial: fx.GraphModule) -> dict[str, str]:
    """Call each piecewise linear function under a name of its own.

    The exporter names nodes by the last part of a qualified name, which is not unique.

    Returns:
        Names for the exporter, and the names that the nodes should have, in order.
    """
    names: dict[str, str] = {}
    for node in spatial.graph.nodes:
        if node.op != "call_module" or not is_masked(spatial.get_submodule(node.target)):
            continue
        alias, name = f"{_ALIAS}{len(names)}", str(node.target)
        spatial.add_module(alias, clone(spatial.get_submodule(name)))
        names[alias] = name if name not in names.values() else f"{name}#{len(names)}"
        node.target = alias
    spatial.recompile()
    return names


def _rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    """Rename nodes and their outputs."""

    def renamed(name: str) -> str:
        _, *folders, last = name.split("/") if name.startswith("/") else ("", name)
        return "/".join(("", *(names.get(f, f) for f in folders), last)) if folders else name

    for node in model.graph.node:
        node.name = renamed(node.name)
        for values in (node.input, node.output):
            values[:] = [renamed(value) for value in values]


def _exported(spatial: fx.GraphModule, shape: tuple[int, ...]) -> onnx.ModelProto:
    weights = [*spatial.parameters(), *spatial.buffers()]
    like = next((w for w in weights if w.is_floating_point()), torch.zeros(()))
    names = [f"output_{index}" for index in range(_outputs(spatial.graph))]
    names = ["output"] if len(names) == 1 else names
    file = io.BytesIO()
    modes = [(part, part.training) for part in spatial.modules()]
    try:
        with warnings.catch_warnings():
            # The exporter warns about its future version.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                spatial.eval(),
                (torch.zeros(shape, dtype=like.dtype, device=like.device),),
                file,  # type: ignore[arg-type]  # It takes files, too.
                dynamo=False,
                opset_version=_OPSET,
                input_names=[_INPUT],
                output_names=names,
                dynamic_axes={name: {0: "N"} for name in (_INPUT, *names)},
                # Otherwise normalizations would be merged into convolutions.
                training=torch.onnx.TrainingMode.PRESERVE,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError, TypeError) as error:
        text = f"PyTorch cannot export the network: {one_line(error)}"
        raise UnsupportedModelError(Message("learning-export-failed", text)) from error
    finally:
        for part, training in modes:
            part.training = training
    return onnx.load_from_string(file.getvalue())


def _outputs(graph: fx.Graph) -> int:
    """Return the number of tensors that a graph returns."""
    (output,) = (node for node in graph.nodes if node.op == "output")
    found: list[fx.Node] = []

    def count(node: fx.Node) -> fx.Node:
        found.append(node)
        return node

    fx.node.map_arg(output.args, count)
    return len(found)


def _plan(module: nn.Module, names: list[str], model: onnx.ModelProto) -> FrequencyPlan:
    """Return the frequencies of a module, by the names of the nodes in its ONNX model.

    Raises:
        UsageError: if some of its masks are ASM and others APX.
    """
    known = {
        n.name.rpartition("/")[0]: n for n in model.graph.node if n.op_type in PIECEWISE_LINEAR
    }
    calls = zip(names, _masked(module), strict=True)
    return plan_of((known[f"/{name}"].name, *call) for name, call in calls)


def _masked(module: nn.Module) -> Iterator[tuple[NodeFrequencies, Masking | None]]:
    """Yield frequencies and masking of the piecewise linear functions of a module."""
    source = module if isinstance(module, JpegModule) else trace(module).graph_module
    parts = dict(source.named_modules())
    for node in source.graph.nodes:
        if node.op != "call_module" or not is_masked(parts[node.target]):
            continue
        kept = [parts.get(user.target) for user in node.users if user.op == "call_module"]
        truncations = [part.frequencies for part in kept if isinstance(part, Truncate)]
        keep = truncations[0] if len(truncations) == len(node.users) == 1 else ALL
        yield frequencies_of(parts[node.target], keep)
