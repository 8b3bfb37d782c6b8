"""The operators of which random residual networks are made, each with its value by PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from support.random_graph import MOST_CHANNELS, Network
from torch import Tensor

from jpegcompile.ir.window import same_padding


def convolution(net: Network, x: str, stride: int | None = None, out: int | None = None) -> str:
    """Conv of any kernel, stride, dilation, group and padding."""
    channels, *size = net.shape(x)
    kernel = [net.number(1, min(11, side)) if net.maybe() else 3 for side in size]
    kernel = [k if k <= side else 1 for k, side in zip(kernel, size, strict=True)]
    dilations = [
        net.choose(1, 1, 2) if 2 * (k - 1) < s else 1 for k, s in zip(kernel, size, strict=True)
    ]
    strides = (
        [stride] * 2 if stride else [net.number(1, 4) for _ in range(2)] if net.maybe() else [1, 1]
    )
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    group = net.choose(*[g for g in range(1, channels + 1) if channels % g == 0])
    made = out or group * net.number(1, max(1, MOST_CHANNELS // group))
    if made % group:
        group = 1
    padding = net.choose("half", "explicit", "SAME_UPPER", "SAME_LOWER", "VALID", "missing")
    if stride:
        padding = "SAME_UPPER"
    padding = allowed_padding(padding, size, extents, strides)
    pads = paddings(net, padding, size, extents, strides)
    weight, w = net.weight(
        made, channels // group, *kernel, spread=(channels // group * kernel[0] * kernel[1]) ** -0.5
    )
    bias = net.weight(made, spread=0.1) if net.maybe() else None
    value = functional.conv2d(
        padded(net.values[x], pads), w, bias[1] if bias else None, strides, 0, dilations, group
    )
    automatic = padding if padding[0] in "SV" else None
    return net.add(
        "Conv",
        [x, weight, *([bias[0]] if bias else [])],
        value,
        kernel_shape=kernel if net.maybe() else None,
        strides=strides if strides != [1, 1] or net.maybe() else None,
        dilations=dilations if dilations != [1, 1] or net.maybe() else None,
        group=group if group > 1 or net.maybe() else None,
        pads=pads if padding in ("half", "explicit") else None,
        auto_pad=automatic,
    )


def allowed_padding(kind: str, size: list[int], extents: list[int], strides: list[int]) -> str:
    """Not SAME where windows leave several elements behind them: ONNX does not say which."""
    geometry = zip(size, extents, strides, strict=True)
    is_same = kind.startswith("SAME")
    if is_same and any(same_padding(s, e, t, upper=True) is None for s, e, t in geometry):
        return "VALID"
    return kind


def paddings(
    net: Network, kind: str, size: list[int], extents: list[int], strides: list[int]
) -> list[int]:
    """Begin of H, W, then end of H, W."""
    if kind == "explicit":
        amounts = [[net.number(0, 2), net.number(0, 2)] for _ in range(2)]
    elif kind == "half":
        amounts = [[extent // 2] * 2 for extent in extents]
    elif kind.startswith("SAME"):
        amounts = [
            list(same_padding(s, e, t, kind == "SAME_UPPER") or (0, 0))
            for s, e, t in zip(size, extents, strides, strict=True)
        ]
    else:
        amounts = [[0, 0], [0, 0]]
    return [amounts[0][0], amounts[1][0], amounts[0][1], amounts[1][1]]


def padded(x: Tensor, pads: list[int], fill: float = 0.0) -> Tensor:
    top, left, bottom, right = pads
    return functional.pad(x, (left, right, top, bottom), value=fill)


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


def pooling(net: Network, x: str) -> str:
    """MaxPool or AveragePool with every padding, ceil_mode and count_include_pad."""
    _, *size = net.shape(x)
    op = net.choose("MaxPool", "AveragePool")
    kernel = [net.number(1, min(4, side)) for side in size]
    strides = [net.number(1, 3) for _ in range(2)]
    kind = net.choose("explicit", "SAME_UPPER", "SAME_LOWER", "VALID", "missing")
    kind = allowed_padding(kind, size, kernel, strides)
    if kind == "explicit":
        pads = [net.number(0, kernel[axis % 2] // 2) for axis in range(4)]
    else:
        pads = paddings(net, kind, size, kernel, strides)
    ceil = net.opset >= 10 and kind in ("explicit", "missing") and net.maybe()
    if ceil and pads[:2] != pads[2:]:
        pads = [*pads[:2], *pads[:2]]
    include = op == "AveragePool" and net.maybe()
    value = pooled(net.values[x], op, kernel, strides, pads, ceil, include)
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides}
    if kind == "explicit":
        attributes["pads"] = pads
    elif kind != "missing":
        attributes["auto_pad"] = kind
    if op == "AveragePool":
        attributes["count_include_pad"] = int(include)
    if ceil:
        attributes["ceil_mode"] = 1
    return net.add(op, [x], value, **attributes)


def pooled(
    x: Tensor,
    op: str,
    kernel: list[int],
    strides: list[int],
    pads: list[int],
    ceil: bool,
    include: bool,
) -> Tensor:
    """PyTorch's pooling; its padding is the same on both sides, so uneven pads are added first."""
    is_even = pads[:2] == pads[2:]
    if op == "MaxPool":
        if is_even:
            return functional.max_pool2d(x, kernel, strides, pads[:2], 1, ceil)
        return functional.max_pool2d(padded(x, pads, -torch.inf), kernel, strides)
    if is_even:
        return functional.avg_pool2d(x, kernel, strides, pads[:2], ceil, include)
    total = functional.avg_pool2d(padded(x, pads), kernel, strides)
    inside = padded(torch.ones_like(x), pads, float(include))
    return total / functional.avg_pool2d(inside, kernel, strides)


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
)
