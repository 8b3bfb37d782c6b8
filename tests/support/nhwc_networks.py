"""Little residual networks as tf2onnx writes Keras models: channels-last image, opset by opset.

Unoptimized, every Conv, BatchNormalization and MaxPool has a Transpose before and one behind it,
and all else works channels-last. Optimized, one Transpose stands behind the image.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from support.graphs import Array, Graph, statistics

_FIRST, _LAST = "Transpose<perm = [0, 3, 1, 2]>", "Transpose<perm = [0, 2, 3, 1]>"
CLASSES = 10


@dataclass
class Exporter:
    """Writes nodes; a method takes and returns the name of a tensor.

    Attributes:
        opset: of the file.
        optimized: whether maps are NCHW from the image on.
        size: height and width of the image.
    """

    opset: int
    optimized: bool
    size: int = 32
    lines: list[str] = field(default_factory=list)
    weights: dict[str, Array | tuple[int, ...]] = field(default_factory=dict)

    def graph(self, output: str) -> Graph:
        size = self.size
        self.lines.append(f"y = Identity({output})")
        body = "  ".join(self.lines)
        return Graph(f"(T[N,{size},{size},3] x) => (T[] y) {{ {body} }}", self.weights, self.opset)

    def node(self, call: str) -> str:
        name = f"t{len(self.lines)}"
        self.lines.append(f"{name} = {call}")
        return name

    def constant(self, values: Array | tuple[int, ...]) -> str:
        name = f"k{len(self.weights)}"
        self.weights[name] = values
        return name

    def indices(self, *values: int) -> str:
        return self.constant(np.asarray(values, np.int64))

    def image(self) -> str:
        """Normalized in the graph."""
        scaled = self.node(f"Mul(x, {self.constant(np.asarray(0.5))})")
        shifted = self.node(f"Sub({scaled}, {self.constant(np.asarray([0.5, -0.25, 0.125]))})")
        return self.node(f"{_FIRST}({shifted})") if self.optimized else shifted

    def windowed(self, x: str, call: str) -> str:
        """An operator that only works on NCHW; `call` takes {} for its map."""
        if self.optimized:
            return self.node(call.format(x))
        return self.node(f"{_LAST}({self.node(call.format(self.node(f'{_FIRST}({x})')))})")

    def by_channel(self, values: Array | tuple[int, ...]) -> str:
        if self.optimized:
            assert isinstance(values, np.ndarray)
            values = values.reshape(-1, 1, 1)
        return self.constant(values)

    def conv(
        self, x: str, shape: tuple[int, int, int], stride: int = 1, pads: str | None = None
    ) -> str:
        """A convolution of shape (outputs, inputs, kernel), SAME where pads are not given."""
        outputs, inputs, kernel = shape
        weight = self.constant((outputs, inputs, kernel, kernel))
        padding = 'auto_pad = "SAME_UPPER"' if pads is None else f"pads = {pads}"
        attributes = f"kernel_shape = [{kernel}, {kernel}], strides = [{stride}, {stride}]"
        return self.windowed(x, f"Conv<{attributes}, {padding}>({{}}, {weight})")

    def bias(self, x: str, channels: int) -> str:
        """BiasAdd."""
        values = np.linspace(-0.5, 0.5, channels)
        return self.node(f"Add({x}, {self.by_channel(values)})")

    def batch_norm(self, x: str, channels: int) -> str:
        prefix = f"n{len(self.weights)}"
        self.weights |= statistics(channels, prefix)
        names = ", ".join(f"{prefix}{letter}" for letter in "stmv")
        return self.windowed(x, f"BatchNormalization<epsilon = 0.001>({{}}, {names})")

    def relu(self, x: str) -> str:
        return self.node(f"Relu({x})")

    def unit(self, x: str, shape: tuple[int, int, int], stride: int = 1) -> str:
        return self.relu(self.batch_norm(self.conv(x, shape, stride), shape[0]))

    def max_pool(self, x: str, kernel: int, padding: str = "SAME_UPPER") -> str:
        attributes = (
            f'kernel_shape = [{kernel}, {kernel}], strides = [2, 2], auto_pad = "{padding}"'
        )
        return self.windowed(x, f"MaxPool<{attributes}>({{}})")

    def pad(self, x: str, begin: int, end: int) -> str:
        """ZeroPadding2D."""
        pads = [0, 0, begin, begin, 0, 0, end, end]
        if not self.optimized:
            pads = [0, begin, begin, 0, 0, end, end, 0]
        if self.opset < 11:
            return self.node(f'Pad<mode = "constant", pads = {pads}>({x})')
        return self.node(f'Pad<mode = "constant">({x}, {self.indices(*pads)})')

    def mean(self, x: str, keep: bool) -> str:
        """Mean over height and width."""
        axes = [2, 3] if self.optimized else [1, 2]
        if self.opset < 18:
            return self.node(f"ReduceMean<axes = {axes}, keepdims = {int(keep)}>({x})")
        return self.node(f"ReduceMean<keepdims = {int(keep)}>({x}, {self.indices(*axes)})")

    def squeeze(self, x: str) -> str:
        axes = [2, 3] if self.optimized else [1, 2]
        if self.opset < 13:
            return self.node(f"Squeeze<axes = {axes}>({x})")
        return self.node(f"Squeeze({x}, {self.indices(*axes)})")

    def excite(self, x: str, channels: int, dense: bool) -> str:
        """Squeeze-and-excitation, by dense layers or by convolutions of 1x1."""
        less = channels // 2
        if not dense:
            a = self.relu(self.bias(self.conv(self.mean(x, True), (less, channels, 1)), less))
            b = self.node(f"Sigmoid({self.bias(self.conv(a, (channels, less, 1)), channels)})")
            return self.node(f"Mul({x}, {b})")
        pooled = self.mean(x, False)
        hidden = self.node(f"MatMul({pooled}, {self.constant((channels, less))})")
        # No part of a gate may be dead: then a fault in its weights would go unseen.
        a = self.node(f"LeakyRelu<alpha = 0.1>({hidden})")
        b = self.node(f"MatMul({a}, {self.constant((less, channels))})")
        sizes = (-1, channels, 1, 1) if self.optimized else (-1, 1, 1, channels)
        gate = self.node(f"Reshape({self.node(f'Sigmoid({b})')}, {self.indices(*sizes)})")
        return self.node(f"Mul({gate}, {x})")

    def dense(self, x: str, features: int) -> str:
        product = self.node(f"MatMul({x}, {self.constant((features, CLASSES))})")
        return self.node(f"Add({product}, {self.constant((CLASSES,))})")

    def flatten(self, x: str, features: int) -> str:
        """Flatten as tf2onnx writes it, in the order of NHWC."""
        last = self.node(f"{_LAST}({x})") if self.optimized else x
        return self.node(f"Reshape({last}, {self.indices(-1, features)})")


def resnet_v1(opset: int, optimized: bool) -> Graph:
    """Padding apart from its operator, shortcuts of 1x1, a head of means."""
    e = Exporter(opset, optimized)
    x = e.bias(e.conv(e.pad(e.image(), 3, 3), (8, 3, 7), 2, pads="[0, 0, 0, 0]"), 8)
    x = e.max_pool(e.pad(e.relu(e.batch_norm(x, 8)), 1, 1), 3, "VALID")
    for channels, stride in ((8, 1), (16, 2)):
        shortcut = e.batch_norm(e.conv(x, (channels, 8, 1), stride), channels)
        inner = e.unit(x, (channels, 8, 3), stride)
        inner = e.batch_norm(e.bias(e.conv(inner, (channels, channels, 3)), channels), channels)
        x = e.relu(e.node(f"Add({shortcut}, {inner})"))
    return e.graph(e.dense(e.mean(x, False), 16))


def resnet_v2(opset: int, optimized: bool, *, dense_gate: bool = True) -> Graph:
    """Activation before convolution, squeeze-and-excitation, SAME at stride 2, a flattened head."""
    e = Exporter(opset, optimized)
    x = e.conv(e.image(), (8, 3, 3), pads="[1, 1, 1, 1]")
    for stride in (2, 2):
        active = e.relu(e.batch_norm(x, 8))
        inner = e.unit(active, (4, 8, 1))
        inner = e.unit(e.pad(inner, 0, 1), (4, 4, 3), 1)
        inner = e.conv(inner, (8, 4, 3), stride, pads="[0, 0, 0, 0]")
        shortcut = e.max_pool(x, 1, "VALID")
        x = e.node(f"Add({shortcut}, {e.excite(e.bias(inner, 8), 8, dense_gate)})")
    return e.graph(e.dense(e.flatten(e.relu(x), 8 * 8 * 8), 8 * 8 * 8))


def squeezed_head(opset: int, optimized: bool) -> Graph:
    """A mean that keeps its axes, and a Squeeze behind it; gates by convolution."""
    e = Exporter(opset, optimized)
    x = e.excite(e.unit(e.image(), (8, 3, 3), 2), 8, dense=False)
    return e.graph(e.dense(e.squeeze(e.mean(e.max_pool(x, 3), True)), 8))
