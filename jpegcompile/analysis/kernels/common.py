"""Helpers for the selectors of all kernel families."""

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
from jpegcompile.messages import Message
from jpegcompile.operators.definition import Operator


@dataclass(frozen=True)
class Declined:
    """Why no kernel computes a node."""

    reason: Message


UNKNOWN_SIZE = Declined(
    Message("maps-of-unknown-size", "its maps have no known size, or are not float32")
)
NOT_ON_PIXELS = Declined(
    Message("not-on-pixels", "it is not applied to the pixels of a map of known size")
)


def varies_within_channel(what: str) -> Declined:
    """Decline a node, since an operand differs within a channel.

    Args:
        what: the operand, as the subject of the reason.
    """
    text = f"{what} varies within a channel"
    return Declined(Message("operand-varies-within-channel", text))


# A selector returns the calls that compute a node; the last call computes the node's output.
Selector = Callable[[gs.Node, Module], list[KernelCall] | Declined]


def pair_of(values: Any) -> tuple[int, int]:
    """Return the first two integers of an attribute."""
    first, second, *_ = values
    return int(first), int(second)


def size_of_map(tensor: gs.Tensor) -> tuple[int, int, int] | None:
    """Return (channels, height, width) of a float32 map of known size; None for other tensors."""
    shape = tensor.shape
    if shape is None or len(shape) != 4 or tensor.dtype != np.float32:
        return None
    dims = static_dims(shape[1:])
    return None if dims is None else (dims[0], dims[1], dims[2])


def operands_of(node: gs.Node, operator: Operator) -> Operands:
    """Return the inputs of a node of a jpegcompile operator by name."""
    return inputs_by_name(operator, node.inputs)


def constant(tensor: gs.Tensor) -> NDArray[Any]:
    """Return the values of an input that must be constant.

    Raises:
        NotConstantError: if the input is not constant.
    """
    values = value_of(tensor)
    if values is None:
        raise NotConstantError(tensor.name)
    return values


class NotConstantError(Exception):
    """An input is not known at compile time.

    Attributes:
        reason: why no kernel computes the node.
    """

    def __init__(self, name: str) -> None:
        """Create an error for the input of that name."""
        text = f"its input '{name}' is not known at compile time"
        self.reason = Message("input-not-constant", text)
        super().__init__(text)


def by_channel(values: NDArray[Any], channels: int) -> NDArray[np.float32] | None:
    """Return an operand as one number for each channel; None if it varies along other axes."""
    if values.size == 1:
        return np.full(channels, values.reshape(-1)[0], np.float32)
    shape = values.shape
    # Shape [C, 1, 1] or [N, C, 1, 1].
    is_vector = values.size == channels and len(shape) >= 3 and shape[-3:] == (channels, 1, 1)
    return values.reshape(-1).astype(np.float32) if is_vector else None
