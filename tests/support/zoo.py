"""Residual networks with random weights whose activations stay sane, made by the tests.

Weights are drawn by He's rule; batch normalization statistics are then calibrated by running the
network once, node by node, in PyTorch. Branches that end in a residual sum get a small scale, as
trained networks have: with scales of one a deep random network amplifies any rounding, its own
float32 rounding included, to more than the conversion errors that the tests look for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]

RESIDUAL_SCALE = 0.25


class GraphWriter:
    """Appends nodes and weights to a graph; names follow the order of the nodes."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._generator = np.random.default_rng(seed)

    def add(self, op: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(op, inputs, [output], name=f"node_{output}", **attributes)
        )
        return output

    def weight(self, shape: tuple[int, ...]) -> str:
        name = f"weight_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(he_weights(shape, self._generator), name))
        return name

    def vector(self, values: Array) -> str:
        name = f"vector_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def conv_bn(
        self, x: str, shape: tuple[int, int, int], stride: int = 1, scale: float = 1.0
    ) -> str:
        """Convolution [out, in, kernel] with explicit batch normalization behind it."""
        out, channels, kernel = shape
        weight = self.weight((out, channels, kernel, kernel))
        y = self.add(
            "Conv",
            [x, weight],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
        )
        gamma = self._generator.uniform(0.8, 1.2, out) * scale
        beta = self._generator.normal(0, 0.1, out)
        ones, zeros = np.ones(out), np.zeros(out)
        statistics = [self.vector(v) for v in (gamma, beta, zeros, ones)]
        return self.add("BatchNormalization", [y, *statistics], epsilon=1e-5)


def he_weights(shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    fan_in = int(np.prod(shape[1:]))
    weights: Array = generator.standard_normal(shape) * np.sqrt(2 / fan_in)
    return weights.astype(np.float32)


def resnet50(size: int = 224, classes: int = 1000, seed: int = 0) -> onnx.ModelProto:
    """The torchvision architecture: bottlenecks 3, 4, 6, 3 with the stride in the 3x3."""
    writer = GraphWriter(seed)
    x = writer.add("Relu", [writer.conv_bn("image", (64, 3, 7), 2)])
    x = writer.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, count in enumerate((3, 4, 6, 3)):
        width = 64 * 2**stage
        for block in range(count):
            stride = 2 if stage and not block else 1
            y = writer.add("Relu", [writer.conv_bn(x, (width, channels, 1))])
            y = writer.add("Relu", [writer.conv_bn(y, (width, width, 3), stride)])
            y = writer.conv_bn(y, (4 * width, width, 1), scale=RESIDUAL_SCALE)
            shortcut = x if block else writer.conv_bn(x, (4 * width, channels, 1), stride)
            x = writer.add("Relu", [writer.add("Add", [y, shortcut])])
            channels = 4 * width
    x = writer.add("Flatten", [writer.add("GlobalAveragePool", [x])], axis=1)
    weight, bias = writer.weight((classes, channels)), writer.vector(np.zeros(classes))
    writer.nodes.append(helper.make_node("Gemm", [x, weight, bias], ["logits"], "fc", transB=1))
    graph = helper.make_graph(
        writer.nodes,
        "resnet50",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        writer.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return calibrated(model, seed)


def calibrated(model: onnx.ModelProto, seed: int = 0) -> onnx.ModelProto:
    """The model with batch normalization statistics of noise and of smooth images together."""
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((2, *shape[1:]))
    coarse = generator.standard_normal((2, shape[1], *(side // 16 for side in shape[2:])))
    smooth = coarse.repeat(16, axis=2).repeat(16, axis=3)
    images = np.concatenate([noise, smooth]).astype(np.float32)
    values = {
        t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.graph.initializer
    }
    values[model.graph.input[0].name] = torch.from_numpy(images)
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        operands = [values[name] for name in node.input]
        if node.op_type == "BatchNormalization":
            operands[3][:] = operands[0].mean((0, 2, 3))
            operands[4][:] = operands[0].var((0, 2, 3), unbiased=False)
        values[node.output[0]] = _OPERATORS[node.op_type](operands, attributes)
    for tensor in model.graph.initializer:
        if tensor.name in values and tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name].numpy(), tensor.name))
    return model


def with_random_weights(model: onnx.ModelProto, seed: int = 0) -> onnx.ModelProto:
    """A model whose weights are missing (external) or constant, given random calibrated ones."""
    generator = np.random.default_rng(seed)
    shapes = {t.name: list(t.dims) for t in model.graph.initializer}
    made = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "ConstantOfShape"}
    sizes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.raw_data}
    sizes |= {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.int64_data}
    shapes |= {name: [int(d) for d in sizes[source]] for name, source in made.items()}
    kept = [t for t in model.graph.initializer if t.data_location != TensorProto.EXTERNAL]
    drawn = [name for name in shapes if name in made or name not in {t.name for t in kept}]
    nodes = [n for n in model.graph.node if n.op_type != "ConstantOfShape"]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(kept)
    for name in drawn:
        values = _draw(name, shapes[name], generator)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    initialized = {t.name for t in model.graph.initializer} | set(shapes)
    inputs = [v for v in model.graph.input if v.name not in initialized]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return calibrated(model, seed)


def _draw(name: str, shape: list[int], generator: np.random.Generator) -> Array:
    if len(shape) > 1:
        return he_weights(tuple(shape), generator)
    values = generator.normal(0, 0.1, shape)
    # The light model names the scales of batch normalization bn_s, branches 2c end in a sum.
    if name.endswith("bn_s_0"):
        values = (values + 1.0) * (RESIDUAL_SCALE if "branch2c" in name else 1.0)
    return values.astype(np.float32)


def _conv(x: list[torch.Tensor], a: dict[str, Any]) -> torch.Tensor:
    padding = a.get("pads", [0, 0])[:2]
    bias = x[2] if len(x) > 2 else None
    return functional.conv2d(
        x[0],
        x[1],
        bias,
        a.get("strides", [1, 1]),
        padding,
        a.get("dilations", [1, 1]),
        a.get("group", 1),
    )


def _batch_norm(x: list[torch.Tensor], a: dict[str, Any]) -> torch.Tensor:
    return functional.batch_norm(x[0], x[3], x[4], x[1], x[2], False, 0.0, a.get("epsilon", 1e-5))


_OPERATORS: dict[str, Callable[[list[torch.Tensor], dict[str, Any]], torch.Tensor]] = {
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "Relu": lambda x, a: torch.relu(x[0]),
    "Add": lambda x, a: x[0] + x[1],
    "Sum": lambda x, a: x[0] + x[1],
    "MaxPool": lambda x, a: functional.max_pool2d(
        x[0], a["kernel_shape"], a["strides"], a.get("pads", [0, 0])[:2]
    ),
    "AveragePool": lambda x, a: functional.avg_pool2d(x[0], a["kernel_shape"], a["strides"]),
    "GlobalAveragePool": lambda x, a: x[0].mean((2, 3), keepdim=True),
    "ReduceMean": lambda x, a: x[0].mean((2, 3), keepdim=True),
    "Flatten": lambda x, a: x[0].flatten(1),
    "Reshape": lambda x, a: x[0].flatten(1),
    "Gemm": lambda x, a: functional.linear(x[0], x[1], x[2]),
    "Softmax": lambda x, a: torch.softmax(x[0], 1),
}
