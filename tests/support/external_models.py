"""Residual models with external weights, including models above 2 GB."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

# Rows drawn in one step, so that a weight of 2 GB is never in memory.
_ROWS = 4096


class ExternalWeights:
    """Draws weights and appends them to the file `weights.bin` of a model."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "weights.bin"
        self._file.write_bytes(b"")
        self._generator = np.random.default_rng(3)
        self.initializers: list[onnx.TensorProto] = []

    def draw(self, name: str, *shape: int) -> str:
        """Weights by He's rule, as an external initializer; returns its name."""
        spread = np.float32(np.sqrt(2 / math.prod(shape[1:])) if len(shape) > 1 else 0.1)
        offset = self._file.stat().st_size
        with self._file.open("ab") as stream:
            for start in range(0, shape[0], _ROWS):
                rows = min(_ROWS, shape[0] - start)
                values = self._generator.standard_normal((rows, *shape[1:]), np.float32)
                stream.write((values * spread).tobytes())
        tensor = TensorProto(
            name=name,
            data_type=TensorProto.FLOAT,
            dims=shape,
            data_location=TensorProto.EXTERNAL,
        )
        length = 4 * math.prod(shape)
        entries = {"location": self._file.name, "offset": offset, "length": length}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
        self.initializers.append(tensor)
        return name


def external_residual(
    folder: Path, *, channels: int = 32, hidden: int = 64, pooled: int = 8
) -> Path:
    """A residual network of 32x32 images with a wide classifier, in `folder`.

    Args:
        folder: to write `source.onnx` and `weights.bin` to.
        channels: of the convolutions.
        hidden: of the classifier, whose first layer has 4 * channels * pooled^2 * hidden bytes of
            weights. They are transposed in the graph, as some exporters leave them.
        pooled: size of the maps that the classifier takes.
    """
    weights = ExternalWeights(folder)
    draw = weights.draw
    pool = [32 // pooled] * 2
    padding: dict[str, Any] = {"pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["image", draw("w1", channels, 3, 3, 3)], ["c1"], **padding),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", draw("w2", channels, channels, 3, 3)], ["c2"], **padding),
        helper.make_node("Add", ["c2", "r1"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["r2"]),
        helper.make_node("AveragePool", ["r2"], ["pool"], kernel_shape=pool, strides=pool),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node(
            "Transpose", [draw("wide", hidden, channels * pooled**2)], ["t"], perm=[1, 0]
        ),
        helper.make_node("MatMul", ["flat", "t"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["r3"]),
        helper.make_node("Gemm", ["r3", draw("head", 10, hidden)], ["logits"], transB=1),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 32, 32])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])
    model = helper.make_model(
        helper.make_graph(nodes, "wide", [image], [logits], weights.initializers),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    path = folder / "source.onnx"
    path.write_bytes(model.SerializeToString())
    return path
