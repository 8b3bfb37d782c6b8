"""A residual network of a few nodes, and what it makes of files by the float decode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from jpegcompile.dct.color import Color
from jpegcompile.dct.decode import decode
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.target.base import CPU_PROVIDERS

Array = NDArray[Any]

# Names in an order that sorting would change.
OUTPUTS = ["probabilities", "logits"]


def tiny_residual(
    channels: int = 3,
    height: int = 32,
    width: int = 32,
    *,
    layout: str = "NCHW",
    batch: str | int = "N",
    normalize: bool = False,
    temperature: bool = False,
) -> onnx.ModelProto:
    """Two convolutions with a shortcut around them, a strided one, and a classifier.

    Args:
        channels: of the image.
        height: of the image.
        width: of the image.
        layout: NCHW, or NHWC with a Transpose in front.
        batch: name or number of the batch dimension.
        normalize: whether (image - 100, 120, 140) / 64 is part of the graph.
        temperature: whether the logits are divided by a second input, a scalar.
    """
    generator = np.random.default_rng(5)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        spread = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        values = generator.normal(0, spread, shape).astype(np.float32)
        return numpy_helper.from_array(values, name)

    sides = {"NCHW": [channels, height, width], "NHWC": [height, width, channels]}[layout]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, *sides])]
    initializers = [
        weights("w1", 8, channels, 3, 3),
        weights("b1", 8),
        weights("w2", 8, 8, 3, 3),
        weights("w3", 8, 8, 3, 3),
        weights("w4", 12, 8, 3, 3),
        weights("b4", 12),
        weights("head", 10, 12),
        weights("shift", 10),
    ]
    nodes = []
    name = "image"
    if normalize:
        mean = np.array([100, 120, 140], np.float32)[:channels]
        mean = mean if layout == "NHWC" else mean.reshape(-1, 1, 1)
        initializers.append(numpy_helper.from_array(mean, "mean"))
        initializers.append(numpy_helper.from_array(np.array(64.0, np.float32), "spread"))
        nodes.append(helper.make_node("Sub", [name, "mean"], ["centered"]))
        nodes.append(helper.make_node("Div", ["centered", "spread"], ["normal"]))
        name = "normal"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [name], ["nchw"], perm=[0, 3, 1, 2]))
        name = "nchw"
    nodes += [
        helper.make_node("Conv", [name, "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3"], ["c3"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c3", "r1"], ["sum"]),
        helper.make_node("Conv", ["sum", "w4", "b4"], ["c4"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c4"], ["r4"]),
        helper.make_node("GlobalAveragePool", ["r4"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head", "shift"], ["gemm"], transB=1),
    ]
    if temperature:
        inputs.append(helper.make_tensor_value_info("temperature", TensorProto.FLOAT, []))
        nodes.append(helper.make_node("Div", ["gemm", "temperature"], ["logits"]))
    else:
        nodes.append(helper.make_node("Identity", ["gemm"], ["logits"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    outputs = [helper.make_tensor_value_info(o, TensorProto.FLOAT, [batch, 10]) for o in OUTPUTS]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def spatial_outputs(
    model: onnx.ModelProto,
    images: Sequence[bytes],
    scale: float,
    mean: Sequence[float],
    std: Sequence[float],
    color: Color = "RGB",
) -> list[Array]:
    """Outputs of the original in ONNX Runtime, file by file, on the float decode."""
    session = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    is_last = session.get_inputs()[0].shape[-1] in (1, 3)
    results = []
    for data in images:
        pixels = (decode(read_coefficients(data), color) * scale - np.array(mean)) / np.array(std)
        values = pixels if is_last else pixels.transpose(2, 0, 1)
        results.append(session.run(None, {"image": values[None].astype(np.float32)}))
    return [np.concatenate(column) for column in zip(*results, strict=True)]
