"""What a Pad node does to each axis of a map, whichever opset spells it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of

# Since opset 18 `axes` may name some axes only.
_AXES = 3
# Beyond it, rounding of a pixel by float32 is no longer small against the others of its tile.
HUGE = 1e4


@dataclass(frozen=True)
class Padding:
    """Amounts for all axes, N, C, H and W.

    Attributes:
        mode: "constant", or which elements of the map are repeated: "reflect", "edge", "wrap".
        begin, end: how much is padded before and after each axis; negative amounts crop.
        fill: what "constant" pads with.
    """

    mode: str
    begin: tuple[int, ...]
    end: tuple[int, ...]
    fill: float = 0.0

    @property
    def is_mask(self) -> bool:
        """Whether the map is padded with values that nothing else has: infinite or huge ones."""
        return not abs(self.fill) < HUGE


def padding_of(node: gs.Node) -> Padding | str:
    """What a Pad of a tensor of rank 4 does, or why that is not known at compile time."""
    mode = node.attrs.get("mode", "constant")
    mode = mode.decode() if isinstance(mode, bytes) else str(mode)
    if "pads" in node.attrs:
        amounts, fill = np.asarray(node.attrs["pads"]), float(node.attrs.get("value", 0.0))
    else:
        given, value = value_of(input_at(node, 1)), input_at(node, 2)
        if given is None or (value is not None and value_of(value) is None):
            return "its amounts or its value are not constants"
        axes = input_at(node, _AXES)
        if axes is not None and value_of(axes) is None:
            return "the axes that it pads are not constants"
        amounts = _of_all_axes(given, value_of(axes))
        constant = value_of(value)
        fill = 0.0 if constant is None else float(constant.reshape(-1)[0])
    begin, end = amounts.reshape(2, 4).tolist()
    return Padding(mode, tuple(begin), tuple(end), fill if mode == "constant" else 0.0)


def mask_of(tensor: gs.Tensor) -> float | None:
    """What a Pad that makes a map masks its border with; None if it does not."""
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
