"""What the selectors of all families share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.ir.calls import KernelCall
from jpegcompile.ir.graph import static_dims, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import Operands, inputs_by_name
from jpegcompile.operators.definition import Operator


@dataclass(frozen=True)
class Declined:
    """Why no kernel computes a node."""

    reason: str


# The last call makes the result.
Selector = Callable[[gs.Node, Module], list[KernelCall] | Declined]


def pair_of(values: Any) -> tuple[int, int]:
    """The first two of a node's integers."""
    first, second, *_ = values
    return int(first), int(second)


def size_of_map(tensor: gs.Tensor) -> tuple[int, int, int] | None:
    """(channels, height, width) of a map of known size; None if it is none."""
    shape = tensor.shape
    if shape is None or len(shape) != 4 or tensor.dtype != np.float32:
        return None
    dims = static_dims(shape[1:])
    return None if dims is None else (dims[0], dims[1], dims[2])


def operands_of(node: gs.Node, operator: Operator) -> Operands:
    """The inputs of a node of our domain by name, be its operator this model's own or not."""
    return inputs_by_name(operator, node.inputs)


def constant(tensor: gs.Tensor) -> NDArray[Any]:
    """The values of an input that must be a constant.

    Raises:
        NotConstantError: if it is none.
    """
    values = value_of(tensor)
    if values is None:
        raise NotConstantError(f"its input '{tensor.name}' is not known at compile time")
    return values


class NotConstantError(Exception):
    """An input is not known at compile time."""


def by_channel(values: NDArray[Any], channels: int) -> NDArray[np.float32] | None:
    """A number for each channel [channels] of an operand; None if it varies over anything else."""
    if values.size == 1:
        return np.full(channels, values.reshape(-1)[0], np.float32)
    shape = values.shape
    # Aligned behind the channels of [N, C, 1, 1].
    is_vector = values.size == channels and len(shape) >= 3 and shape[-3:] == (channels, 1, 1)
    return values.reshape(-1).astype(np.float32) if is_vector else None
