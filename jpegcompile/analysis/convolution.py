"""Convolutions that can be lowered, transposed ones among them."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_graphsurgeon as gs

from jpegcompile.analysis.window import Window, kernel_of, padding_problem, window_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, elements, is_sequence, map_problem


@dataclass(frozen=True)
class Convolution:
    """What a lowering needs of a Conv or ConvTranspose node.

    Attributes:
        window: its geometry; a transposed one crops its result by the pads.
        group: number of groups.
        multiply_adds: for one image.
    """

    window: Window
    group: int
    multiply_adds: int

    @property
    def attributes(self) -> dict[str, list[int] | int]:
        """Of the operators in the JPEG domain, without block sizes."""
        return {
            "strides": list(self.window.strides),
            "pads": self.window.pads,
            "dilations": list(self.window.dilations),
            "group": self.group,
        }


def convolution_of(node: gs.Node, module: Module) -> Convolution | Decline | None:
    """A two-dimensional convolution between two maps of known size; None if it has no maps."""
    source, target = node.inputs[0], node.outputs[0]
    if is_sequence(source):
        return None
    problem = map_problem(node, module, source, target)
    if problem is not None:
        return problem
    implicit = padding_problem(node)
    if implicit is not None:
        return Decline(node, implicit)
    kernel = kernel_of(node)
    window = None if kernel is None else window_of(node, kernel)
    if window is None:
        return Decline(node, "its kernel shape is not known at compile time")
    group = int(node.attrs.get("group", 1))
    # The kernel meets each element of the result; a transposed one, each element of the source.
    met, other = (target, source) if node.op == "Conv" else (source, target)
    height, width = window.kernel
    work = elements(met) * (int(other.shape[1]) // group) * height * width
    return Convolution(window, group, work)
