"""From modules in the JPEG domain back to spatial modules.

    ToSpatial(JpegOp(ToJpeg(x)))  =>  op(x)

Casts, truncations and masks of few frequencies are dropped, so the result is the exact network.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.learning.lowering.module import Entry, JpegModule
from jpegcompile.learning.lowering.operators import (
    BatchNormOf,
    ByMode,
    ConvolutionOf,
    GroupNormOf,
    MeanOfDc,
    OnDc,
)
from jpegcompile.learning.lowering.twins import has_spatial, spatial_of
from jpegcompile.learning.lowering.whole import WholeModule, called_in, put, tree_of
from jpegcompile.learning.modules.casts import ToJpeg, ToSpatial, Truncate
from jpegcompile.learning.tracing import trace
from jpegcompile.messages import Message

_DROPPED = (Entry, ToJpeg, ToSpatial, Truncate)
_JPEG_MODULES = "jpegcompile.learning.modules."

Form = Callable[[fx.Graph, Any, tuple[Any, ...]], fx.Node]


def to_spatial_module(module: nn.Module) -> fx.GraphModule:
    """Return the spatial network of a module in the JPEG domain; both share their tensors.

    Args:
        module: a `JpegModule`, or a module that is composed of JPEG modules.

    Raises:
        UnsupportedModelError: if the module cannot be traced, or a JPEG module has no spatial form.
    """
    source = module if isinstance(module, JpegModule) else trace(module).graph_module
    tree = tree_of(source, called_in(source.graph))
    graph = fx.Graph()
    values: dict[fx.Node, Any] = {}
    for node in source.graph.nodes:
        part = source.get_submodule(node.target) if node.op == "call_module" else None
        arguments, keywords = fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
        if isinstance(part, _DROPPED) and not _is_of_one_mode(part):
            values[node] = arguments[0]
        elif type(part) in _FUNCTIONS:
            values[node] = _FUNCTIONS[type(part)](graph, part, arguments)
        elif isinstance(part, BatchNormOf):
            values[node] = _batch_norm(graph, tree, node.target, part, arguments)
        else:
            if part is not None:
                put(tree, node.target, _spatial(node.target, part))
            values[node] = graph.node_copy(node, values.__getitem__)
            values[node].args, values[node].kwargs = arguments, keywords
    _remove_unused(tree, source, graph)
    return WholeModule(tree, graph)


def _is_of_one_mode(part: nn.Module) -> bool:
    """Whether a module checks the mode, which the graph on pixels has to do, too."""
    return isinstance(part, Entry) and part.mode is not None


def _spatial(name: str, module: nn.Module) -> nn.Module:
    if has_spatial(module) or not type(module).__module__.startswith(_JPEG_MODULES):
        return spatial_of(module)
    kind = type(module).__name__
    text = f"'{name}' is a {kind}, which has no spatial module; export the network without it"
    raise UnsupportedModelError(Message("learning-no-spatial-form", text))


def _remove_unused(tree: nn.Module, source: fx.GraphModule, graph: fx.Graph) -> None:
    """Remove modules that only the JPEG domain needs."""
    for name in called_in(source.graph) - called_in(graph):
        owner, _, last = name.rpartition(".")
        del tree.get_submodule(owner)._modules[last]


def _sum(graph: fx.Graph, part: OnDc, arguments: tuple[Any, ...]) -> fx.Node:
    return graph.call_function(operator.add, arguments)


def _mean(graph: fx.Graph, part: MeanOfDc, arguments: tuple[Any, ...]) -> fx.Node:
    return graph.call_function(torch.mean, (*arguments, (-2, -1)), {"keepdim": part.keepdim})


def _convolution(graph: fx.Graph, part: ConvolutionOf, arguments: tuple[Any, ...]) -> fx.Node:
    return graph.call_function(functional.conv2d, arguments, part.arguments)


def _group_norm(graph: fx.Graph, part: GroupNormOf, arguments: tuple[Any, ...]) -> fx.Node:
    source, *weights = arguments
    values = (source, part.num_groups, *weights)
    return graph.call_function(functional.group_norm, values, {"eps": part.eps})


def _batch_norm(
    graph: fx.Graph, tree: nn.Module, name: str, part: BatchNormOf, arguments: tuple[Any, ...]
) -> fx.Node:
    options: dict[str, Any] = {"momentum": part.momentum, "eps": part.eps}
    if part.by_batch is not None:
        options["training"] = part.by_batch
        return graph.call_function(functional.batch_norm, arguments, options)
    put(tree, name, ByMode(functional.batch_norm, "training").train(part.training))
    return graph.call_module(name, arguments, options)


_FUNCTIONS: dict[Any, Form] = {
    OnDc: _sum,
    MeanOfDc: _mean,
    ConvolutionOf: _convolution,
    GroupNormOf: _group_norm,
}
