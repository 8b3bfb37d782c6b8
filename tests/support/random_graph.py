"""A graph that grows by one operator at a time, which PyTorch also computes.

The expected output thus does not depend on the reference evaluator of ONNX, whose pooling is wrong
in some cases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from jpegcompile.frontend.load import newest_opset

Draw = Callable[..., Any]
BATCH = 2
MOST_CHANNELS = 8


class Network:
    """A growing graph, and PyTorch's outputs for a random image.

    Attributes:
        opset: of the graph.
        image: [BATCH, 3, H, W].
        values: of every tensor, by name.
        maps: names of feature maps, the newest last.
        outputs: names of the outputs.
        is_discontinuous: whether the graph has a discontinuous operator; then nodes may be kept.
    """

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.opset: int = draw(st.integers(7, newest_opset()))
        self._generator = np.random.default_rng(draw(st.integers(0, 2**16)))
        height, width = (draw(st.sampled_from((8, 12, 14, 15, 16, 24))) for _ in range(2))
        self.image = self._generator.standard_normal((BATCH, 3, height, width))
        if draw(st.booleans()):
            # Integers, mostly zero, like pixels.
            self.image = np.round(self.image / 2)
        self.is_discontinuous = False
        self._batch: str | int = "N" if draw(st.booleans()) else BATCH
        self.values: dict[str, Tensor] = {"x": torch.from_numpy(self.image)}
        self.maps = ["x"]
        self.outputs: list[str] = []
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def set_image(self, flat: tuple[int, int]) -> None:
        """Noise that is flat above a row and left of a column."""
        rows, columns = flat
        self.image = self._generator.standard_normal(self.image.shape)
        self.image[:, :, :rows] = 0.0
        self.image[:, :, rows : 2 * rows, :columns] = 0.375
        self.values["x"] = torch.from_numpy(self.image)

    def choose(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def number(self, least: int, most: int) -> int:
        return int(self.draw(st.integers(least, max(least, most))))

    def maybe(self) -> bool:
        return bool(self.draw(st.booleans()))

    @property
    def newest(self) -> str:
        return self.maps[-1]

    def shape(self, name: str) -> tuple[int, int, int]:
        _, channels, height, width = self.values[name].shape
        return channels, height, width

    def weight(
        self, *shape: int, positive: bool = False, spread: float = 1.0
    ) -> tuple[str, Tensor]:
        """An initializer of random numbers, or a Constant node of them."""
        values = self._generator.standard_normal(shape) * spread
        if positive:
            values = self._generator.uniform(0.5, 1.5, shape)
        return self.constant(values), torch.from_numpy(np.asarray(values))

    def constant(self, values: NDArray[Any]) -> str:
        name = f"w{len(self._weights) + len(self._nodes)}"
        tensor = numpy_helper.from_array(np.asarray(values), name)
        if self._generator.random() < 0.2 and values.dtype == np.float64:
            self._nodes.append(helper.make_node("Constant", [], [name], name, value=tensor))
        else:
            self._weights.append(tensor)
        return name

    def add(self, op: str, inputs: list[str], computed: Tensor, /, **attributes: Any) -> str:
        """Append a node and its value; returns the name of its output."""
        name = f"{op.lower()}{len(self._nodes)}"
        given = {key: v for key, v in attributes.items() if v is not None}
        self._nodes.append(helper.make_node(op, inputs, [name], name, **given))
        self.values[name] = computed
        if computed.ndim == 4:
            self.maps.append(name)
        return name

    def add_other(self, op: str, inputs: list[str], outputs: int = 1, /, **attributes: Any) -> str:
        """Append a node whose last output the next node reads."""
        name = f"{op.lower()}{len(self._nodes)}"
        others = [f"{name}.{index}" for index in range(outputs - 1)]
        self._nodes.append(helper.make_node(op, inputs, [*others, name], name, **attributes))
        return name

    def _declared(self, name: str) -> list[str | int]:
        """Shape of an output; the number of positions is dynamic."""
        first, *others = self.values[name].shape
        return [first, "positions"] if len(others) == 1 and first == 4 else [self._batch, *others]

    def model(self) -> onnx.ModelProto:
        """The graph with outputs of unknown shape."""
        shape = [self._batch, *self.image.shape[1:]]
        graph = helper.make_graph(
            self._nodes,
            "random",
            [helper.make_tensor_value_info("x", TensorProto.DOUBLE, shape)],
            [
                helper.make_tensor_value_info(name, TensorProto.DOUBLE, self._declared(name))
                for name in self.outputs
            ],
            self._weights,
        )
        opset = helper.make_opsetid("", self.opset)
        return helper.make_model(graph, opset_imports=[opset], ir_version=8)
