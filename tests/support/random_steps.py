"""Discontinuous operators of random networks, each with its value by PyTorch or NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as functional
from onnx import TensorProto
from support.random_graph import Network
from support.random_windows import centered_convolution

Step = Callable[[Network, str], str]
_PEAK = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
_HALF = {"kernel_shape": [2, 2], "strides": [2, 2]}


def _zero(net: Network) -> str:
    return net.constant(np.asarray(0.0))


def _highest(net: Network, x: str) -> str:
    return net.add("MaxPool", [x], functional.max_pool2d(net.values[x], 3, 1, 1), **_PEAK)


def _mask(net: Network, truth: str, value: torch.Tensor) -> str:
    return net.add("Cast", [truth], value.double(), to=TensorProto.DOUBLE)


def positive(net: Network, x: str) -> str:
    """What is above zero, as a mask or chosen."""
    v = net.values[x]
    above = net.add_other("Greater", [x, _zero(net)])
    if net.opset >= 9 and net.maybe():
        half = net.constant(np.asarray(0.5))
        return net.add("Where", [above, x, half], torch.where(v > 0, v, 0.5))
    return _mask(net, above, v > 0)


def root(net: Network, x: str) -> str:
    rectified = net.add("Relu", [x], functional.relu(net.values[x]))
    return net.add("Sqrt", [rectified], net.values[rectified].sqrt())


def below_peaks(net: Network, x: str) -> str:
    """How far a pixel is below the highest one around it, rounded up: zero at peaks."""
    highest = _highest(net, x)
    below = net.add("Sub", [highest, x], net.values[highest] - net.values[x])
    return net.add("Ceil", [below], net.values[below].ceil())


def peaks(net: Network, x: str) -> str:
    """Where a pixel equals the highest one around it."""
    highest = _highest(net, x)
    if net.opset < 11:
        lower = net.add_other("Less", [x, highest])
        return _mask(net, lower, net.values[x] < net.values[highest])
    equal = net.add_other("Equal", [highest, x])
    return _mask(net, equal, net.values[highest] == net.values[x])


def rectified_part(net: Network, x: str) -> str:
    """Where a ReLU changes something."""
    rectified = net.add("Relu", [x], functional.relu(net.values[x]))
    change = net.add("Sub", [rectified, x], net.values[rectified] - net.values[x])
    above = net.add_other("Greater", [change, _zero(net)])
    return _mask(net, above, net.values[change] > 0)


def shifted(net: Network, x: str) -> str:
    """Where a pixel is larger than its neighbor to the right."""
    v = net.values[x]
    width = v.shape[3]
    parts = []
    for begin, end in ((0, width - 1), (1, width)):
        part = v[..., begin:end]
        if net.opset < 10:
            made = net.add("Slice", [x], part, starts=[begin], ends=[end], axes=[3])
        else:
            bounds = [net.constant(np.asarray([b], np.int64)) for b in (begin, end, 3)]
            made = net.add("Slice", [x, *bounds], part)
        parts.append(made)
    left, right = parts
    change = net.add("Sub", [left, right], net.values[left] - net.values[right])
    above = net.add_other("Greater", [change, _zero(net)])
    return _mask(net, above, net.values[change] > 0)


def largest_channel(net: Network, x: str) -> str:
    """The first of the largest channels."""
    first = net.add_other("ArgMax", [x], axis=1, keepdims=1)
    places = np.argmax(net.values[x].numpy(), axis=1)[:, None]
    return _mask(net, first, torch.from_numpy(places))


def one_hot(net: Network, x: str) -> str:
    """The first of the largest channels as 1 among zeros."""
    if net.opset < 13:
        return largest_channel(net, x)
    v = net.values[x].numpy()
    hot = np.zeros_like(v)
    np.put_along_axis(hot, np.argmax(v, axis=1)[:, None], 1.0, axis=1)
    return net.add("Hardmax", [x], torch.from_numpy(hot), axis=1)


def ranking(net: Network, x: str) -> str:
    """Which channels are the largest, in their order; of equal ones the first."""
    v = net.values[x].numpy()
    if net.opset < 11:
        return largest_channel(net, x)
    count = min(2, v.shape[1])
    order = np.argsort(-v, axis=1, kind="stable")[:, :count]
    size = net.constant(np.asarray([count], np.int64))
    places = net.add_other("TopK", [x, size], 2, axis=1)
    return _mask(net, places, torch.from_numpy(np.ascontiguousarray(order)))


def unpooled(net: Network, x: str) -> str:
    """Values of a smaller map where the maxima were."""
    channels, height, width = net.shape(x)
    if net.opset < 11 or height % 2 or width % 2:
        return below_peaks(net, x)
    v, places = functional.max_pool2d(net.values[x], 2, 2, return_indices=True)
    pooled = net.add("MaxPool", [x], v, **_HALF)
    other = net.add_other("MaxPool", [x], 2, **_HALF)
    moved = centered_convolution(net, pooled, out=channels)
    value = functional.max_unpool2d(
        net.values[moved], places, [2, 2], [2, 2], output_size=(height, width)
    )
    return net.add("MaxUnpool", [moved, other], value, **_HALF)


def places_above_zero(net: Network, x: str) -> str:
    """Positions of what is not zero: [4, count]; no map."""
    if net.opset < 9:
        return largest_channel(net, x)
    places = net.add_other("NonZero", [x])
    return _mask(net, places, torch.from_numpy(np.asarray(np.nonzero(net.values[x].numpy()))))


# Those that make a map, and those that no map can follow.
DISCONTINUOUS: tuple[Step, ...] = (
    *(positive, root, below_peaks, peaks, rectified_part, shifted),
    *(largest_channel, one_hot, ranking, unpooled),
)
LAST: tuple[Step, ...] = (*DISCONTINUOUS, places_above_zero)
