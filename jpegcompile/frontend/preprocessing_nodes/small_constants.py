"""Small constant tensors of a graph: sizes, bounds, pads and scalars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.external_data_helper import uses_external_data
from onnx.reference import ReferenceEvaluator

# Larger tensors are weights, not operands of preprocessing nodes.
_MOST_VALUES = 4096
# Operators with which exporters compute such tensors.
_COMPUTED_BY = frozenset(
    (
        *("Add", "Cast", "Concat", "Constant", "ConstantOfShape", "Div", "Gather", "Identity"),
        *("Mul", "Reshape", "Slice", "Squeeze", "Sub", "Transpose", "Unsqueeze"),
    )
)


class SmallConstants(Mapping[str, NDArray[Any]]):
    """Constant values by tensor name, each computed on first use."""

    def __init__(self, model: onnx.ModelProto) -> None:
        """Record the initializers of a model."""
        self._model = model
        self._makers = {name: node for node in model.graph.node for name in node.output}
        self._known: dict[str, NDArray[Any] | None] = {
            tensor.name: numpy_helper.to_array(tensor)
            for tensor in model.graph.initializer
            if math.prod(tensor.dims) <= _MOST_VALUES and not uses_external_data(tensor)
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the values of a tensor.

        Raises:
            KeyError: if the tensor is large or depends on inputs.
        """
        if name not in self._known:
            self._known[name] = self._computed(name)
        values = self._known[name]
        if values is None:
            raise KeyError(name)
        return values

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the tensors known so far."""
        return (name for name, values in self._known.items() if values is not None)

    def __len__(self) -> int:
        """Return the number of tensors known so far."""
        return sum(1 for _ in self)

    def _computed(self, name: str) -> NDArray[Any] | None:
        node = self._makers.get(name)
        if node is None or node.op_type not in _COMPUTED_BY or node.domain:
            return None
        given = {read: self.get(read) for read in node.input if read}
        feeds = {read: values for read, values in given.items() if values is not None}
        if len(feeds) < len(given) or not _is_small(node, feeds):
            return None
        opsets: Any = {entry.domain: entry.version for entry in self._model.opset_import}
        try:
            made: Any = ReferenceEvaluator(node, opsets=opsets).run(None, feeds)
            values = np.asarray(made[0])
        except Exception:
            # The evaluator passes on any NumPy exception. Such a tensor is not a constant.
            return None
        return values if values.size <= _MOST_VALUES else None


def _is_small(node: onnx.NodeProto, feeds: Mapping[str, NDArray[Any]]) -> bool:
    """Whether it is safe to compute the output of a node before checking its size."""
    if node.op_type != "ConstantOfShape":
        return True
    return math.prod(int(side) for side in feeds[node.input[0]].ravel()) <= _MOST_VALUES
