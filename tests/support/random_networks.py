"""Random small residual networks in float64, each with its answer by PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from support.random_graph import MOST_CHANNELS, Draw, Network
from support.random_layers import STEPS, activation, residual
from support.random_steps import LAST
from support.random_windows import centered_convolution, convolution


def head(net: Network, x: str) -> str:
    """Logits by pooling or from the whole map, or a map."""
    v = net.values[x]
    kind = net.choose("pool", "mean", "flatten", "map", "max")
    if kind == "map":
        return x
    if kind == "flatten":
        flat = net.add("Flatten", [x], v.flatten(1))
    elif kind == "mean":
        axes: dict[str, Any] = {"axes": [2, 3]} if net.opset < 18 else {}
        inputs = [x] if axes else [x, net.constant(np.asarray([2, 3], np.int64))]
        flat = net.add("ReduceMean", inputs, v.mean((2, 3)), keepdims=0, **axes)
    else:
        op = "GlobalAveragePool" if kind == "pool" else "GlobalMaxPool"
        means = v.mean((2, 3), keepdim=True) if kind == "pool" else v.amax((2, 3), keepdim=True)
        pooled_map = net.add(op, [x], means)
        flat = net.add("Flatten", [pooled_map], means.flatten(1))
    values = net.values[flat]
    features = values.shape[1]
    if net.maybe():
        weight, w = net.weight(features, 5, spread=features**-0.5)
        return net.add("MatMul", [flat, weight], values @ w)
    weight, w = net.weight(5, features, spread=features**-0.5)
    bias, b = net.weight(5)
    return net.add("Gemm", [flat, weight, bias], values @ w.T + b, transB=1)


@st.composite
def networks(draw: Draw) -> Network:
    """A stem, a few steps, a head, and perhaps a map of the middle as a second output."""
    net = Network(draw)
    x = convolution(net, "x", out=net.number(2, MOST_CHANNELS))
    for _ in range(net.number(1, 5)):
        step = net.choose(*STEPS)
        height, width = net.shape(x)[1:]
        # A map of nothing is no map.
        if min(height, width) < 2 and step is not residual:
            continue
        x = step(net, x)
        if 0 in net.shape(x):
            break
    middle = net.choose(*net.maps)
    net.outputs.append(head(net, x))
    if net.maybe() and middle not in ("x", net.outputs[0]):
        net.outputs.append(middle)
    return net


@st.composite
def tied_networks(draw: Draw) -> Network:
    """A convolution or two, perhaps an activation, and a discontinuous operator at the end.

    The image has flat parts, so that there are ties even behind windows, and elsewhere is so far
    from equal that float32 tells its pixels apart.
    """
    net = Network(draw)
    height, width = net.image.shape[2:]
    net.set_image(flat=(height // 3, width // 2))
    x = centered_convolution(net, "x")
    if net.maybe():
        x = centered_convolution(net, activation(net, x))
    if net.maybe():
        x = activation(net, x)
    net.outputs.append(net.choose(*LAST)(net, x))
    return net
