"""Where the file has the weights that a module learns.

A constant of the prepared graph is a tensor of the file under the same name, or a copy of its
elements: as float32, or in another order. Passes make such copies, for example for channels-last
models; `tracing.py` finds the order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

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


def named_origin(
    constant: gs.Constant,
    module: Module,
    values: Mapping[str, NDArray[Any]],
    computed: Collection[str],
) -> Origin | None:
    """Return the origin of a constant, if its name tells it.

    Args:
        constant: a constant of the prepared graph.
        module: the prepared graph.
        values: values of the initializers and Constant nodes of the file, by name.
        computed: names of the outputs of other nodes of the file.
    """
    tensor = module.half_constants.get(constant.name, constant)
    if tensor.name in computed:
        # The passes computed the output of this node, because its inputs are constants.
        return Origin(tensor.name)
    before = values.get(tensor.name)
    if before is None or not _is_same(before, np.asarray(tensor.values)):
        return None
    return Origin(tensor.name)


def _is_same(values: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.array_equal(values.reshape(-1), other.reshape(-1), equal_nan=values.dtype.kind == "f")
