"""Amounts, mode and value of a Pad node in any opset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.messages import Message

# Since opset 18, input 3 may restrict the amounts to some axes.
_AXES = 3
# Above this magnitude, the float32 rounding error of a pixel is not small for its tile.
HUGE = 1e4


@dataclass(frozen=True)
class Padding:
    """Padding of the axes N, C, H and W.

    Attributes:
        mode: "constant", or the elements that are repeated: "reflect", "edge" or "wrap".
        begin, end: amounts before and after each axis; negative amounts crop.
        fill: padding value of mode "constant".
    """

    mode: str
    begin: tuple[int, ...]
    end: tuple[int, ...]
    fill: float = 0.0

    @property
    def is_mask(self) -> bool:
        """Whether the padding value is infinite or huge, which marks padded pixels."""
        return not abs(self.fill) < HUGE


def padding_of(node: gs.Node) -> Padding | Message:
    """Return the padding of a tensor of rank 4, or the reason why it is unknown."""
    mode = node.attrs.get("mode", "constant")
    mode = mode.decode() if isinstance(mode, bytes) else str(mode)
    if "pads" in node.attrs:
        amounts, fill = np.asarray(node.attrs["pads"]), float(node.attrs.get("value", 0.0))
    else:
        given, value = value_of(input_at(node, 1)), input_at(node, 2)
        if given is None or (value is not None and value_of(value) is None):
            return Message("pad-amounts-unknown", "its amounts or its value are not constants")
        axes = input_at(node, _AXES)
        if axes is not None and value_of(axes) is None:
            return Message("pad-axes-unknown", "the axes that it pads are not constants")
        amounts = _of_all_axes(given, value_of(axes))
        constant = value_of(value)
        fill = 0.0 if constant is None else float(constant.reshape(-1)[0])
    begin, end = amounts.reshape(2, 4).tolist()
    return Padding(mode, tuple(begin), tuple(end), fill if mode == "constant" else 0.0)


def mask_of(tensor: gs.Tensor) -> float | None:
    """Infinite or huge value with which a Pad has padded a map; None if there is none."""
    if not tensor.inputs or tensor.inputs[0].op != "Pad" or len(tensor.shape or ()) != 4:
        return None
    padding = padding_of(tensor.inputs[0])
    return padding.fill if isinstance(padding, Padding) and padding.is_mask else None


def _of_all_axes(given: np.ndarray, axes: np.ndarray | None) -> np.ndarray:
    if axes is None:
        return given
    amounts = np.zeros((2, 4), np.int64)
    amounts[:, axes % 4] = given.reshape(2, -1)
    return amounts
