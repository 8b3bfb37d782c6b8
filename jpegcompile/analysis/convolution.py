"""Convolutions and transposed convolutions that can be lowered."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_graphsurgeon as gs

from jpegcompile.analysis.window import Window, convolution_window
from jpegcompile.ir.decline import Decline, is_sequence, map_problem
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import elements
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Convolution:
    """Geometry of a Conv or ConvTranspose node.

    Attributes:
        window: the window; the pads of a transposed convolution crop its result.
        group: number of groups.
        multiply_adds: multiply-adds for one image.
    """

    window: Window
    group: int
    multiply_adds: int

    @property
    def attributes(self) -> dict[str, list[int] | int]:
        """Attributes of the JPEG-domain operators, without block sizes."""
        return {
            "strides": list(self.window.strides),
            "pads": self.window.pads,
            "dilations": list(self.window.dilations),
            "group": self.group,
        }


def convolution_of(node: gs.Node, module: Module) -> Convolution | Decline | None:
    """Match a two-dimensional convolution between two maps of known size.

    Returns:
        The convolution, or why it is declined; None if its input is not a map.
    """
    source, target = node.inputs[0], node.outputs[0]
    if is_sequence(source):
        return None
    problem = map_problem(node, module, source, target)
    if problem is not None:
        return problem
    window = convolution_window(node)
    if isinstance(window, Message):
        return Decline(node, window)
    group = int(node.attrs.get("group", 1))
    # The kernel is applied to each output element, or to each input element if transposed.
    met, other = (target, source) if node.op == "Conv" else (source, target)
    height, width = window.kernel
    work = elements(met) * (int(other.shape[1]) // group) * height * width
    return Convolution(window, group, work)
