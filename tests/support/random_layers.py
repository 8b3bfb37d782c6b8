"""The operators of which random residual networks are made, each with its value by PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from support.random_graph import MOST_CHANNELS, Network
from support.random_steps import DISCONTINUOUS
from support.random_windows import convolution, padded, pooling
from torch import Tensor


def normalization(net: Network, x: str) -> str:
    channels = net.shape(x)[0]
    scale, s = net.weight(channels, positive=True)
    shift, t = net.weight(channels, spread=0.3)
    mean, m = net.weight(channels, spread=0.3)
    variance, v = net.weight(channels, positive=True)
    value = functional.batch_norm(net.values[x], m, v, s, t, eps=1e-3)
    attributes: dict[str, Any] = {"epsilon": 1e-3}
    if net.opset < 9 and net.maybe():
        attributes["spatial"] = 1
    # The attribute is a float32.
    value = functional.batch_norm(net.values[x], m, v, s, t, eps=float(np.float32(1e-3)))
    return net.add("BatchNormalization", [x, scale, shift, mean, variance], value, **attributes)


def activation(net: Network, x: str) -> str:
    """A nonlinearity, by one node or by two."""
    v = net.values[x]
    kinds = [
        "Relu",
        "Relu",
        "LeakyRelu",
        "PRelu",
        "Clip",
        "Sigmoid",
        "Elu",
        "Tanh",
        "HardSigmoid",
        "SiLU",
    ]
    kinds += ["Softplus", "Abs"]
    kinds += ["Max"] if net.opset >= 8 else []
    kinds += ["HardSwish"] if net.opset >= 14 else []
    kinds += ["Gelu"] if net.opset >= 20 else []
    kind = net.choose(*kinds)
    half = float(np.float32(0.3))
    if kind == "LeakyRelu":
        return net.add(kind, [x], functional.leaky_relu(v, half), alpha=half)
    if kind == "PRelu":
        slope, s = net.weight(net.shape(x)[0], 1, 1)
        return net.add(kind, [x, slope], functional.prelu(v, s.reshape(-1)))
    if kind == "Clip":
        if net.opset < 11:
            return net.add(kind, [x], v.clamp(-half, 6.0), min=-half, max=6.0)
        bounds = [net.constant(np.asarray(bound)) for bound in (-half, 6.0)]
        return net.add(kind, [x, *bounds], v.clamp(-half, 6.0))
    if kind == "Max":
        return net.add(kind, [x, net.constant(np.asarray([half]))], v.clamp(min=half))
    if kind == "SiLU":
        gate = net.add("Sigmoid", [x], torch.sigmoid(v))
        return net.add("Mul", [x, gate] if net.maybe() else [gate, x], functional.silu(v))
    if kind == "HardSigmoid":
        return net.add(kind, [x], (half * v + half).clamp(0, 1), alpha=half, beta=half)
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "Relu": functional.relu,
        "Sigmoid": torch.sigmoid,
        "Elu": functional.elu,
        "Tanh": torch.tanh,
        "Softplus": functional.softplus,
        "Abs": torch.abs,
        "HardSwish": functional.hardswish,
        "Gelu": functional.gelu,
    }
    return net.add(kind, [x], functions[kind](v))


def squeeze_excite(net: Network, x: str) -> str:
    channels = net.shape(x)[0]
    v = net.values[x]
    mean = net.add("GlobalAveragePool", [x], v.mean((2, 3), keepdim=True))
    weight, w = net.weight(channels, channels, 1, 1, spread=channels**-0.5)
    logits = net.add("Conv", [mean, weight], functional.conv2d(net.values[mean], w))
    gate = net.add("Sigmoid", [logits], torch.sigmoid(net.values[logits]))
    return net.add("Mul", [x, gate], v * net.values[gate])


def arithmetic(net: Network, x: str) -> str:
    """A scalar or a channel vector in any of the four operations."""
    v, channels = net.values[x], net.shape(x)[0]
    shape = net.choose((), (1,), (channels, 1, 1), (1, channels, 1, 1))
    name, c = net.weight(*shape, positive=True)
    op = net.choose("Add", "Sub", "Mul", "Div")
    operations: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "Add": torch.add,
        "Sub": torch.sub,
        "Mul": torch.mul,
        "Div": torch.div,
    }
    if op in ("Add", "Mul", "Sub") and net.maybe():
        return net.add(op, [name, x], operations[op](c, v))
    return net.add(op, [x, name], operations[op](v, c))


def strided_slice(net: Network, x: str) -> str:
    v, (_, height, width) = net.values[x], net.shape(x)
    step = 1 if net.opset < 10 else net.choose(1, 2)
    start = net.choose(0, 1)
    if min(height, width) < 4:
        return x
    value = v[:, :, start::step, start::step]
    if net.opset < 10:
        return net.add("Slice", [x], value, starts=[start] * 2, ends=[10**6] * 2, axes=[2, 3])
    operands = ([start] * 2, [2**31] * 2, [2, 3], [step] * 2)
    inputs = [net.constant(np.asarray(o, np.int64)) for o in operands]
    return net.add("Slice", [x, *inputs], value)


def zero_pad(net: Network, x: str) -> str:
    pads = [net.number(0, 3) for _ in range(4)]
    whole = [0, 0, *pads[:2], 0, 0, *pads[2:]]
    value = padded(net.values[x], pads)
    if net.opset < 11:
        return net.add("Pad", [x], value, pads=whole, mode="constant", value=0.0)
    return net.add("Pad", [x, net.constant(np.asarray(whole, np.int64))], value)


def concatenation(net: Network, x: str) -> str:
    other = convolution(net, x, stride=1)
    value = torch.cat([net.values[x], net.values[other]], 1)
    return net.add("Concat", [x, other], value, axis=net.choose(1, -3) if net.opset >= 11 else 1)


def upsampling(net: Network, x: str) -> str:
    """By 2, nearest or linear, where there is room for it."""
    v, (_, height, width) = net.values[x], net.shape(x)
    if max(height, width) > 16 or net.opset == 10:
        return x
    scales = np.asarray([1, 1, 2, 2], np.float32)
    if net.opset < 11:
        value = functional.interpolate(v, scale_factor=2, mode="nearest")
        if net.opset < 9:
            return net.add("Upsample", [x], value, mode="nearest", scales=scales.tolist())
        return net.add("Upsample", [x, net.constant(scales)], value, mode="nearest")
    mode = net.choose("nearest", "linear")
    torch_mode = "nearest" if mode == "nearest" else "bilinear"
    value = functional.interpolate(v, scale_factor=2, mode=torch_mode)
    attributes = {"mode": mode, "coordinate_transformation_mode": "half_pixel"}
    if mode == "nearest":
        attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    roi = net.constant(np.zeros(0, np.float32)) if net.opset < 13 else ""
    return net.add("Resize", [x, roi, net.constant(scales)], value, **attributes)


def residual(net: Network, x: str) -> str:
    """A branch and its sum with what it branched from, projected where the shapes differ."""
    channels = net.shape(x)[0]
    stride = net.choose(1, 1, 2)
    out = channels if stride == 1 else net.number(1, MOST_CHANNELS)
    y = x
    if net.maybe():
        y = activation(net, normalization(net, y))
    y = convolution(net, y, stride=stride, out=out)
    if net.maybe():
        y = activation(net, normalization(net, y))
        y = convolution(net, y, stride=1, out=out)
    if net.maybe():
        y = normalization(net, y)
    if net.maybe():
        y = squeeze_excite(net, y)
    shortcut = x
    if stride > 1 or out != channels:
        shortcut = convolution(net, x, stride=stride, out=out)
    total = net.values[y] + net.values[shortcut]
    op = net.choose("Add", "Sum") if net.opset >= 8 else "Add"
    summed = net.add(op, [y, shortcut], total)
    return activation(net, summed) if net.maybe() else summed


def rearrangement(net: Network, x: str) -> str:
    """Tiles of pixels to channels, or channels in another order."""
    v, (channels, height, width) = net.values[x], net.shape(x)
    if net.maybe() and height % 2 == 0 and width % 2 == 0 and channels <= 2:
        # ONNX counts the pixels of a tile first, PyTorch the channels.
        deep = functional.pixel_unshuffle(v, 2).reshape(-1, channels, 4, height // 2, width // 2)
        value = deep.transpose(1, 2).flatten(1, 2).contiguous()
        return net.add("SpaceToDepth", [x], value, blocksize=2)
    order = [net.number(0, channels - 1) for _ in range(net.number(1, MOST_CHANNELS))]
    return net.add("Gather", [x, net.constant(np.asarray(order, np.int64))], v[:, order], axis=1)


def split(net: Network, x: str) -> str:
    """The first channels, by a slice, beside the rest negated."""
    v, channels = net.values[x], net.shape(x)[0]
    if channels < 2:
        return x
    first = net.number(1, channels - 1)
    parts = []
    for begin, end in ((0, first), (first, channels)):
        if net.opset < 10:
            part = net.add("Slice", [x], v[:, begin:end], starts=[begin], ends=[end], axes=[1])
        else:
            bounds = [net.constant(np.asarray([b], np.int64)) for b in (begin, end, 1)]
            part = net.add("Slice", [x, *bounds], v[:, begin:end])
        parts.append(part)
    parts[1] = net.add("Neg", [parts[1]], -net.values[parts[1]])
    return net.add("Concat", parts, torch.cat([net.values[p] for p in parts], 1), axis=1)


def discontinuous(net: Network, x: str) -> str:
    """A discontinuous operator, or one that returns positions; after a ReLU or not."""
    net.is_discontinuous = True
    if net.maybe():
        x = activation(net, x)
    return str(net.choose(*DISCONTINUOUS)(net, x))


STEPS: tuple[Callable[[Network, str], str], ...] = (
    *(residual,) * 4,
    convolution,
    normalization,
    activation,
    pooling,
    pooling,
    arithmetic,
    strided_slice,
    zero_pad,
    concatenation,
    upsampling,
    squeeze_excite,
    rearrangement,
    split,
    discontinuous,
)
