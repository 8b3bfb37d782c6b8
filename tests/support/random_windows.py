"""Convolutions and poolings of random networks, each with its value by PyTorch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from support.random_graph import MOST_CHANNELS, Network
from torch import Tensor

from jpegcompile.analysis.window import same_padding


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


def centered_convolution(net: Network, x: str, out: int | None = None) -> str:
    """Conv that leaves the size as it is, of a form that every runtime has."""
    side = net.choose(1, 3, 5)
    channels, out = net.shape(x)[0], out or net.number(2, MOST_CHANNELS)
    weight, w = net.weight(out, channels, side, side, spread=(channels * side * side) ** -0.5)
    bias = net.weight(out, spread=0.1) if net.maybe() else None
    value = functional.conv2d(net.values[x], w, bias[1] if bias else None, padding=side // 2)
    inputs = [x, weight, *([bias[0]] if bias else [])]
    return net.add("Conv", inputs, value, pads=[side // 2] * 4)


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
