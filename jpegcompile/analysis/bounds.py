"""Bounds of a Clip in any opset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.module import Module
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Bounds:
    """Finite bounds of a Clip.

    Attributes:
        low, high: the bounds; low <= high.
        is_relu: whether the bounds are 0 and the largest finite number.
    """

    low: float
    high: float
    is_relu: bool

    def constants(self, target: gs.Tensor, module: Module) -> dict[str, gs.Tensor]:
        """Create scalar constants "low" and "high", in the precision of the result `target`."""
        return {
            name: gs.Constant(
                module.fresh(f"{target.name}.{name}"), np.asarray(value, target.dtype)
            )
            for name, value in (("low", self.low), ("high", self.high))
        }


def bounds_of(node: gs.Node) -> Bounds | Message:
    """Return the bounds of a Clip, or the reason why they are unknown.

    A missing or infinite bound becomes the largest finite number of the precision, which is
    equivalent for every finite input.
    """
    largest = float(np.finfo(node.inputs[0].dtype).max)
    low, high = _bound(node, 1, "min", -largest), _bound(node, 2, "max", largest)
    if isinstance(low, Message):
        return low
    if isinstance(high, Message):
        return high
    # If the lower bound is above the upper bound, Clip returns the upper bound (ONNX).
    low, high = (float(np.clip(value, -largest, largest)) for value in (min(low, high), high))
    return Bounds(low, high, is_relu=low == 0.0 and high == largest)


def _bound(node: gs.Node, index: int, name: str, default: float) -> float | Message:
    """Return one bound: an attribute below opset 11, an input since."""
    tensor = input_at(node, index)
    if tensor is None:
        return float(node.attrs.get(name, default))
    value = value_of(tensor)
    if value is None:
        text = f"its bound '{tensor.name}' is not known at compile time"
        return Message("clip-bound-unknown", text)
    return float(value.reshape(()))
