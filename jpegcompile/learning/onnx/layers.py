"""The layers of PyTorch that ONNX nodes are.

A layer has the weights of its node under the names of PyTorch. Nodes that are no layer become
expressions; see `expressions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from torch import nn

from jpegcompile.analysis.bounds import bounds_of
from jpegcompile.analysis.window import Window, convolution_window, pool_window
from jpegcompile.ir.graph import input_at, static_dims, value_of
from jpegcompile.messages import Message
from jpegcompile.operators.normalization import SPATIAL_GROUP_NORMALIZATION

# Parameters exist only when the builder has set them.
_ABSENT = "meta"


@dataclass(frozen=True)
class Weight:
    """A constant that a layer learns.

    Attributes:
        tensor: the constant.
        shape: shape in the module.
        is_transposed: whether the module has the transposed matrix.
    """

    tensor: gs.Constant
    shape: tuple[int, ...]
    is_transposed: bool = False


@dataclass(frozen=True)
class Layer:
    """A node as a layer.

    Attributes:
        module: the layer, without values.
        weights: its parameters and buffers by name.
        padding: what is padded before the layer: left, right, top, bottom; empty for nothing.
        fill: value of that padding.
    """

    module: nn.Module
    weights: Mapping[str, Weight] = field(default_factory=dict)
    padding: tuple[int, ...] = ()
    fill: float = 0.0


def layer_of(node: gs.Node) -> Layer | None:
    """Return a node as a layer; None if no layer of PyTorch computes it."""
    make = _MAKERS.get(node.op)
    return None if make is None else make(node)


def _plain(module: Callable[[], nn.Module]) -> Callable[[gs.Node], Layer]:
    return lambda node: Layer(module())


def _own(node: gs.Node, names: Sequence[str], start: int = 1) -> dict[str, Weight] | None:
    """Return vectors and kernels that a layer has in their own shape; None if one is computed."""
    found = {}
    for index, name in enumerate(names, start):
        tensor = input_at(node, index)
        if tensor is None:
            continue
        if not isinstance(tensor, gs.Constant):
            return None
        found[name] = Weight(tensor, tuple(tensor.values.shape))
    return found


def _symmetric(window: Window, fill: float = 0.0) -> tuple[tuple[int, int], tuple[int, ...], float]:
    """Return the padding of a layer, and what is padded before it because its sides differ."""
    if window.begin == window.end:
        return window.begin, (), fill
    (top, left), (bottom, right) = window.begin, window.end
    return (0, 0), (left, right, top, bottom), fill


def _conv(node: gs.Node) -> Layer | None:
    window, weights = convolution_window(node), _own(node, ("weight", "bias"))
    if isinstance(window, Message) or weights is None:
        return None
    padding, before, fill = _symmetric(window)
    groups, shape = int(node.attrs.get("group", 1)), weights["weight"].shape
    module = nn.Conv2d(
        shape[1] * groups,
        shape[0],
        window.kernel,
        window.strides,
        padding,
        window.dilations,
        groups,
        "bias" in weights,
        device=_ABSENT,
    )
    return Layer(module, weights, before, fill)


def _conv_transpose(node: gs.Node) -> Layer | None:
    window, weights = convolution_window(node), _own(node, ("weight", "bias"))
    if isinstance(window, Message) or weights is None or window.begin != window.end:
        return None
    more = [int(p) for p in node.attrs.get("output_padding", (0, 0))]
    groups, shape = int(node.attrs.get("group", 1)), weights["weight"].shape
    module = nn.ConvTranspose2d(
        shape[0],
        shape[1] * groups,
        window.kernel,
        window.strides,
        window.begin,
        (more[0], more[1]),
        groups,
        "bias" in weights,
        window.dilations,
        device=_ABSENT,
    )
    return Layer(module, weights)


def _batch_norm(node: gs.Node) -> Layer | None:
    weights = _own(node, ("weight", "bias", "running_mean", "running_var"))
    shape = node.inputs[0].shape
    is_plain = not any(t.name for t in node.outputs[1:]) and node.attrs.get("spatial", 1) != 0
    if weights is None or not is_plain or shape is None or len(shape) not in (2, 3, 4):
        return None
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    # The attribute is float32: its shortest decimal form is the number that was meant.
    momentum = 1.0 - float(str(np.float32(node.attrs.get("momentum", 0.9))))
    channels = weights["weight"].shape[0]
    module = kind(channels, float(node.attrs.get("epsilon", 1e-5)), momentum, device=_ABSENT)
    return Layer(module, weights)


def _group_norm(node: gs.Node) -> Layer | None:
    scale, shift, epsilon = node.inputs[1:4]
    values = value_of(epsilon)
    if not isinstance(scale, gs.Constant) or not isinstance(shift, gs.Constant) or values is None:
        return None
    channels = scale.values.size
    module = nn.GroupNorm(
        int(node.attrs["groups"]), channels, float(values.reshape(-1)[0]), device=_ABSENT
    )
    weights = {name: Weight(t, (channels,)) for name, t in (("weight", scale), ("bias", shift))}
    return Layer(module, weights)


def _leaky(node: gs.Node) -> Layer:
    return Layer(nn.LeakyReLU(float(node.attrs.get("alpha", 0.01))))


def _prelu(node: gs.Node) -> Layer | None:
    slope, shape = node.inputs[1], node.inputs[0].shape
    if not isinstance(slope, gs.Constant) or shape is None or len(shape) < 2:
        return None
    wanted = (shape[1], *(1,) * (len(shape) - 2))
    is_own = slope.values.size == 1 or slope.values.shape[-len(wanted) :] == wanted
    if not is_own or slope.values.size not in (1, shape[1]):
        return None
    module = nn.PReLU(slope.values.size, device=_ABSENT)
    return Layer(module, {"weight": Weight(slope, (slope.values.size,))})


def _clip(node: gs.Node) -> Layer | None:
    bounds = bounds_of(node) if node.inputs[0].dtype is not None else None
    if bounds is None or isinstance(bounds, Message):
        return None
    if bounds.is_relu:
        return Layer(nn.ReLU())
    if (bounds.low, bounds.high) == (0.0, 6.0):
        return Layer(nn.ReLU6())
    return Layer(nn.Hardtanh(bounds.low, bounds.high)) if bounds.low < bounds.high else None


def _max_pool(node: gs.Node) -> Layer | None:
    window = pool_window(node)
    if isinstance(window, Message) or any(t.name for t in node.outputs[1:]):
        return None
    padding, before, fill = _symmetric(window, float("-inf"))
    if any(2 * p > k for p, k in zip(padding, window.kernel, strict=True)):
        (top, left), (bottom, right) = window.begin, window.end
        padding, before = (0, 0), (left, right, top, bottom)
    module = nn.MaxPool2d(window.kernel, window.strides, padding, window.dilations)
    return Layer(module, {}, before, fill)


def _average_pool(node: gs.Node) -> Layer | None:
    window = pool_window(node)
    if isinstance(window, Message) or window.dilations != (1, 1):
        return None
    counts = bool(node.attrs.get("count_include_pad", 0)) or not any(window.pads)
    padding, before, fill = _symmetric(window)
    if any(2 * p > k for p, k in zip(padding, window.kernel, strict=True)):
        return None
    if before and not counts:
        return None
    module = nn.AvgPool2d(window.kernel, window.strides, padding, count_include_pad=counts)
    return Layer(module, {}, before, fill)


def _linear(node: gs.Node) -> Layer | None:
    attrs, b, c = node.attrs, node.inputs[1], input_at(node, 2)
    is_plain = attrs.get("alpha", 1.0) == attrs.get("beta", 1.0) == 1.0 and not attrs.get("transA")
    if not is_plain or not isinstance(b, gs.Constant) or b.values.ndim != 2:
        return None
    is_transposed = node.op == "MatMul" or not attrs.get("transB")
    outputs, inputs = b.values.shape[:: -1 if is_transposed else 1]
    weights = {"weight": Weight(b, (outputs, inputs), is_transposed)}
    if c is not None:
        if not isinstance(c, gs.Constant) or c.values.size != outputs:
            return None
        if c.values.ndim == 2 and c.values.shape[0] != 1:
            return None
        weights["bias"] = Weight(c, (outputs,))
    return Layer(nn.Linear(inputs, outputs, c is not None, device=_ABSENT), weights)


def _flatten(node: gs.Node) -> Layer | None:
    return Layer(nn.Flatten()) if int(node.attrs.get("axis", 1)) == 1 else None


def _global_average_pool(node: gs.Node) -> Layer | None:
    shape = node.inputs[0].shape
    is_map = shape is not None and len(shape) == 4 and static_dims(shape[1:]) is not None
    return Layer(nn.AdaptiveAvgPool2d(1)) if is_map else None


_MAKERS: Mapping[str, Callable[[gs.Node], Any]] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Flatten": _flatten,
    "Gemm": _linear,
    "GlobalAveragePool": _global_average_pool,
    "LeakyRelu": _leaky,
    "MatMul": _linear,
    "MaxPool": _max_pool,
    "PRelu": _prelu,
    "Relu": _plain(nn.ReLU),
    SPATIAL_GROUP_NORMALIZATION: _group_norm,
}
