"""Move every sum of a network by a few units in the last place, to see how far its outputs change.

A correct implementation rounds each sum of products up or down. Some implementations round all sums
in the same direction: a transform with a rounded basis has a gain slightly above one. So every sum
is multiplied by a factor between 1 and 1 + units * u, where u is the unit in the last place of 1.
Maps get one factor for each row of each channel and one for each pixel. Other tensors get one for
each value. Zeros stay zeros, because rounding does not break ties between zeros either.

The factors come from a table, by the place of a value within its image. So they do not depend on
the batch of an image, and results of parts of a folder can be merged. Before opset 9, ONNX has no
operator that counts places; models of these opsets draw new factors in every run.

    y = Conv(x, w)  =>  raw = Conv(x, w), y = Mul(raw, Gather(factors, places of raw))
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Name of the moved image; other tensors keep their names.
MOVED = "{}.jpegcompile.moved"

# Random numbers for factors. Each node begins at another place of the table.
_TABLE, _TABLE_SIZE = "jpegcompile.moved.table", 1 << 16
_STRIDE = 7919
# The first opset with ConstantOfShape, NonZero and Where, which number the places of a tensor.
_COUNTS_PLACES = 9
_DEFAULT_DOMAINS = ("", "ai.onnx")
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
# The results of these operators do not depend on values, and may be sizes.
_SIZES = frozenset(("Shape", "Size"))
_UNITS: dict[int, float] = {TensorProto.FLOAT: 2.0**-23, TensorProto.FLOAT16: 2.0**-10}


def moved(
    model: onnx.ModelProto, image: str, units: float, *, has_batch: bool = True
) -> onnx.ModelProto:
    """Return a copy of a model with every sum that depends on the image moved.

    Args:
        model: the model; nodes within branches and loops do not change.
        image: name of the model's image input.
        units: largest move, in units in the last place.
        has_batch: whether the first axis of the image is the batch.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    types = _element_types(model)
    version = next(o.version for o in model.opset_import if o.domain in _DEFAULT_DOMAINS)
    writer = _Writer(graph, units, counts_places=version >= _COUNTS_PLACES, has_batch=has_batch)
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

    def __init__(
        self, graph: onnx.GraphProto, units: float, *, counts_places: bool, has_batch: bool
    ) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._graph = graph
        self._units = units
        self._counts_places = counts_places
        self._has_batch = has_batch
        self._names = _fresh_names()
        if counts_places:
            table = np.random.default_rng(0).random(_TABLE_SIZE, np.float32)
            graph.initializer.append(numpy_helper.from_array(table, _TABLE))

    def move_map(self, raw: str, output: str, kind: int) -> None:
        """Multiply by a factor for each row and a factor for each pixel.

        This requires far fewer factors than one for each value.

        Args:
            raw: name of the tensor.
            output: name of the result.
            kind: ONNX element type.
        """
        rows, pixels = (self._slice(raw, axis) for axis in (-1, 1))
        half = self._units * _UNITS.get(kind, 0.0) / 2
        between = self._add("Mul", [raw, self._factor(rows, half, kind)])
        self._add("Mul", [between, self._factor(pixels, half, kind)], output)

    def move_values(self, raw: str, output: str, kind: int) -> None:
        """Multiply by a factor for each value; the arguments are as for `move_map`."""
        self._add("Mul", [raw, self._factor(raw, self._units * _UNITS[kind], kind)], output)

    def move_all(self, raw: str, output: str, kind: int) -> None:
        """Multiply all values by one factor; the arguments are as for `move_map`.

        The distance of the factor from 1 is half of the largest distance.
        """
        name = next(self._names)
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        factor = np.asarray(1 + self._units * _UNITS[kind] / 2, dtype)
        self._graph.initializer.append(numpy_helper.from_array(factor, name))
        self._add("Mul", [raw, name], output)

    def _numbers(self, *values: int) -> str:
        name = next(self._names)
        numbers = np.asarray(values, np.int64)
        self._graph.initializer.append(numpy_helper.from_array(numbers, name))
        return name

    def _slice(self, raw: str, axis: int) -> str:
        return self._add("Gather", [raw, self._numbers(0)], axis=axis)

    def _factor(self, like: str, most: float, kind: int) -> str:
        """Return factors from 1 to 1 + most for a tensor; the same for every image of a batch."""
        if self._counts_places:
            share = self._add("Mul", [self._drawn(like), self._number(most)])
            factor = self._add("Add", [share, self._number(1.0)])
        else:
            factor = self._add(
                "RandomUniformLike",
                [like],
                low=1.0,
                high=1.0 + most,
                dtype=TensorProto.FLOAT,
                seed=float(len(self.nodes)),
            )
        return factor if kind == TensorProto.FLOAT else self._add("Cast", [factor], to=kind)

    def _drawn(self, like: str) -> str:
        """Return numbers of the table in the shape of one image of a tensor."""
        shape = self._add("Shape", [like])
        if self._has_batch:
            # The rank may be unknown.
            is_first = self._add(
                "Equal", [self._places(self._add("Shape", [shape])), self._numbers(0)]
            )
            shape = self._add("Where", [is_first, self._numbers(1), shape])
        last = self._numbers(_TABLE_SIZE)
        places = self._places(shape)
        first = self._numbers(_STRIDE * len(self.nodes) % _TABLE_SIZE)
        places = self._add("Add", [places, first])
        rounds = self._add("Mul", [self._add("Div", [places, last]), last])
        places = self._add("Sub", [places, rounds])
        return self._add("Reshape", [self._add("Gather", [_TABLE, places], axis=0), shape])

    def _places(self, shape: str) -> str:
        """Return 0, 1, 2 and so on, one number for each value of a tensor of this shape."""
        one = numpy_helper.from_array(np.ones(1, np.int64))
        flat = self._numbers(-1)
        ones = self._add("Reshape", [self._add("ConstantOfShape", [shape], value=one), flat])
        return self._add("Reshape", [self._add("NonZero", [ones]), flat])

    def _number(self, value: float) -> str:
        name = next(self._names)
        number = numpy_helper.from_array(np.asarray(value, np.float32), name)
        self._graph.initializer.append(number)
        return name

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
    """Return the element type of every tensor of the main graph for which it can be inferred."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}
