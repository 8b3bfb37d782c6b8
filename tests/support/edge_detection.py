"""An edge detector like HED (Xie and Tu 2015): full-size side outputs of every stage, fused."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from support.zoo import he_weights

# Channels and convolutions of each stage: those of VGG16.
_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def edge_detector(height: int, width: int, *, divisor: int = 1, stages: int = 5) -> onnx.ModelProto:
    """The network with random weights.

    Args:
        height: of its input; a pool leaves out an odd last row, as it does in 1080 rows.
        width: likewise.
        divisor: of the numbers of channels.
        stages: how many of the five there are.
    """
    generator = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def add(op: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(op, inputs, [output], output, **attributes))  # type: ignore[arg-type]
        return output

    def conv(x: str, output: str, shape: tuple[int, int, int]) -> str:
        out, channels, kernel = shape
        values = he_weights((out, channels, kernel, kernel), generator)
        weights.append(numpy_helper.from_array(values, f"{output}.w"))
        bias = generator.normal(0, 0.1, out).astype(np.float32)
        weights.append(numpy_helper.from_array(bias, f"{output}.b"))
        inputs = [x, f"{output}.w", f"{output}.b"]
        return add("Conv", inputs, output, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)

    x, channels, sides = "image", 3, []
    for stage, (full, count) in enumerate(_STAGES[:stages]):
        out = full // divisor
        if stage:
            x = add("MaxPool", [x], f"pool{stage}", kernel_shape=[2, 2], strides=[2, 2])
        for index in range(count):
            x = conv(x, f"conv{stage}_{index}", (out, channels, 3))
            x = add("Relu", [x], f"relu{stage}_{index}")
            channels = out
        side = conv(x, f"score{stage}", (1, channels, 1))
        if stage:
            inputs = [side, "", "", "plane"]
            side = add("Resize", inputs, f"up{stage}", mode="linear", axes=[2, 3])
        sides.append(side)
    fused = conv(add("Concat", sides, "sides", axis=1), "fuse", (1, len(sides), 1))
    weights.append(numpy_helper.from_array(np.array([height, width]), "plane"))
    names = [add("Sigmoid", [x], f"edges{index}") for index, x in enumerate([*sides, fused])]
    plane = [height, width]
    graph = helper.make_graph(
        nodes,
        "edges",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, *plane])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 1, *plane]) for n in names],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
