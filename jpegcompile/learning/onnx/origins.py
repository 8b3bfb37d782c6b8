"""Where the file has the weights that a module learns.

A constant of the prepared graph is a tensor of the file under the same name, or a copy of its
elements: as float32, or in another order. Passes make such copies, for example for channels-last
models. The order is found by running the passes once more on a model in which every element of the
tensor is its own index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.ir.graph import is_float
from jpegcompile.ir.module import Module


@dataclass(frozen=True)
class Origin:
    """A tensor of the file: an initializer, or a constant output of a node.

    Attributes:
        name: its name.
        order: flat index in the tensor of each element of the constant; None for the same order.
    """

    name: str
    order: NDArray[np.int64] | None = None

    def write(self, learned: NDArray[Any], tensor: NDArray[Any]) -> NDArray[Any]:
        """Return the tensor with learned values.

        Args:
            learned: values of the constant of the prepared graph.
            tensor: the tensor of the file.
        """
        flat = learned.reshape(-1)
        if self.order is not None:
            flat = np.empty_like(flat)
            flat[self.order] = learned.reshape(-1)
        return flat.reshape(tensor.shape).astype(tensor.dtype)


Again = Callable[[Mapping[str, NDArray[Any]]], Module]


def origins_of(
    constants: Iterable[gs.Constant], module: Module, named: Mapping[str, NDArray[Any] | None]
) -> dict[str, Origin]:
    """Return the origins of constants by name, as far as names tell them.

    Args:
        constants: constants of the prepared graph.
        module: the prepared graph.
        named: tensors of the file by name: values of initializers, None for outputs of nodes.
    """
    found = {}
    for constant in constants:
        half = module.half_constants.get(constant.name)
        tensor = half if half is not None else constant
        if tensor.name not in named:
            continue
        values = named[tensor.name]
        if values is None or _is_same(values, np.asarray(tensor.values)):
            found[constant.name] = Origin(tensor.name)
    return found


def _is_same(values: NDArray[Any], other: NDArray[Any]) -> bool:
    return values.size == other.size and np.array_equal(
        values.reshape(-1), other.reshape(-1), equal_nan=is_float(gs.Constant("x", values))
    )
