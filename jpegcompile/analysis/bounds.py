"""Bounds of a Clip, however its opset spells them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.module import Module


@dataclass(frozen=True)
class Bounds:
    """Finite bounds, low <= high; `is_relu` where they are 0 and the largest number there is."""

    low: float
    high: float
    is_relu: bool

    def constants(self, target: gs.Tensor, module: Module) -> dict[str, gs.Tensor]:
        """The bounds as scalars, in the precision of a Clip's result and named after it."""
        return {
            name: gs.Constant(
                module.fresh(f"{target.name}.{name}"), np.asarray(value, target.dtype)
            )
            for name, value in (("low", self.low), ("high", self.high))
        }


def bounds_of(node: gs.Node) -> Bounds | str:
    """The bounds of a Clip, or why they are not known.

    A bound that is missing or infinite becomes the largest number of the precision: the same for
    every finite x.
    """
    largest = float(np.finfo(node.inputs[0].dtype).max)
    low, high = _bound(node, 1, "min", -largest), _bound(node, 2, "max", largest)
    if isinstance(low, str):
        return low
    if isinstance(high, str):
        return high
    # Where the bounds cross, the upper one wins (ONNX, Clip).
    low, high = (float(np.clip(value, -largest, largest)) for value in (min(low, high), high))
    return Bounds(low, high, is_relu=low == 0.0 and high == largest)


def _bound(node: gs.Node, index: int, name: str, default: float) -> float | str:
    """Bounds are attributes below opset 11, inputs since."""
    tensor = input_at(node, index)
    if tensor is None:
        return float(node.attrs.get(name, default))
    value = value_of(tensor)
    if value is None:
        return f"its bound '{tensor.name}' is not known at compile time"
    return float(value.reshape(()))
