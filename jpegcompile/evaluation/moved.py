"""A network with every sum moved by a few units in the last place: how far do its answers go?

A correct implementation rounds each sum of products to one side or the other, some of them all to
the same side (a transform whose basis is rounded has a gain of a little more than one). So every
sum is multiplied by a factor of 1 to 1 + units * u, u being the unit in the last place of 1: for
maps by a factor for each row of each channel and one for each pixel, otherwise by one for each
value. Zeros stay zeros, so that no tie is broken that rounding would not break.

    y = Conv(x, w)  =>  raw = Conv(x, w), y = Mul(raw, RandomUniformLike(...))
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# What the image is called once it is moved; other tensors keep their names.
MOVED = "{}.jpegcompile.moved"

_MAPS = frozenset(
    ("Conv", "ConvTranspose", "AveragePool", "BatchNormalization", "InstanceNormalization")
)
_ROWS = frozenset(
    (
        *("Gemm", "MatMul", "Einsum", "GlobalAveragePool", "ReduceMean", "ReduceSum"),
        *("GroupNormalization", "LayerNormalization"),
    )
)
_SUMS = frozenset(("Add", "Sum", "Sub", "Mean"))
# What they give depends on no values, and may be a size.
_SIZES = frozenset(("Shape", "Size"))
_UNITS: dict[int, float] = {TensorProto.FLOAT: 2.0**-23, TensorProto.FLOAT16: 2.0**-10}


def moved(model: onnx.ModelProto, image: str, units: float) -> onnx.ModelProto:
    """A copy of a model with every sum that depends on the image moved.

    Args:
        model: the model; what stands within branches and loops is left as it is.
        image: its image input.
        units: largest move, in units in the last place.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    types = _element_types(model)
    writer = _Writer(graph, units)
    writer.move_map(image, MOVED.format(image), types.get(image, 0))
    reached = {image}
    for node in model.graph.node:
        made = onnx.NodeProto()
        made.CopyFrom(node)
        made.input[:] = [MOVED.format(image) if name == image else name for name in node.input]
        writer.nodes.append(made)
        if reached.isdisjoint(node.input) or node.op_type in _SIZES:
            continue
        reached.update(node.output)
        output = node.output[0]
        kind = types.get(output, 0)
        if kind not in _UNITS or node.op_type not in _MAPS | _ROWS | _SUMS:
            continue
        made.output[0] = f"{output}.jpegcompile.raw"
        if node.op_type in _MAPS:
            writer.move_map(made.output[0], output, kind)
        elif node.op_type in _ROWS:
            writer.move_values(made.output[0], output, kind)
        else:
            writer.move_all(made.output[0], output, kind)
    del graph.node[:]
    graph.node.extend(writer.nodes)
    return result


class _Writer:
    """Collects the nodes of a graph, and writes factors between them."""

    def __init__(self, graph: onnx.GraphProto, units: float) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._graph = graph
        self._units = units
        self._names = _fresh_names()

    def move_map(self, raw: str, output: str, kind: int) -> None:
        """Factors for rows and for pixels: drawing one for each value would take longest of all."""
        rows, pixels = (self._slice(raw, axis) for axis in (-1, 1))
        half = self._units * _UNITS.get(kind, 0.0) / 2
        between = self._add("Mul", [raw, self._factor(rows, half, kind)])
        self._add("Mul", [between, self._factor(pixels, half, kind)], output)

    def move_values(self, raw: str, output: str, kind: int) -> None:
        """A factor for each value."""
        self._add("Mul", [raw, self._factor(raw, self._units * _UNITS[kind], kind)], output)

    def move_all(self, raw: str, output: str, kind: int) -> None:
        """One factor, half of the largest, for all values."""
        name = next(self._names)
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        factor = np.asarray(1 + self._units * _UNITS[kind] / 2, dtype)
        self._graph.initializer.append(numpy_helper.from_array(factor, name))
        self._add("Mul", [raw, name], output)

    def _slice(self, raw: str, axis: int) -> str:
        index = next(self._names)
        self._graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.int64), index))
        return self._add("Gather", [raw, index], axis=axis)

    def _factor(self, like: str, most: float, kind: int) -> str:
        seed = float(len(self.nodes))
        drawn = self._add(
            "RandomUniformLike",
            [like],
            low=1.0,
            high=1.0 + most,
            dtype=TensorProto.FLOAT,
            seed=seed,
        )
        return drawn if kind == TensorProto.FLOAT else self._add("Cast", [drawn], to=kind)

    def _add(self, op: str, inputs: list[str], output: str | None = None, **more: Any) -> str:
        name = output or next(self._names)
        self.nodes.append(helper.make_node(op, inputs, [name], **more))
        return name


def _fresh_names() -> Iterator[str]:
    number = 0
    while True:
        yield f"jpegcompile.moved.{number}"
        number += 1


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Element type of every tensor of the main graph whose type can be inferred."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}
