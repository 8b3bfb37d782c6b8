"""Lower transposed convolution to the JPEG domain.

ConvTranspose(x, w, b)  =>  ToSpatial(JpegConvTranspose(ToJpeg(x), w, b))

Exact. Weights stay the spatial kernel; pads are explicit, see `canonical_conv_transpose.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, elements, is_sequence, map_problem
from jpegcompile.ir.window import Window, bias_of, kernel_of, padding_problem, window_of


@dataclass(frozen=True)
class TransposedConvolution:
    """What the lowering needs of a ConvTranspose node.

    Attributes:
        window: its geometry; pads are cut off what it makes.
        output_padding: rows and columns that it makes besides.
        group: number of groups.
        multiply_adds: for one image.
    """

    window: Window
    output_padding: tuple[int, int]
    group: int
    multiply_adds: int


class LowerConvTranspose(Lowering[TransposedConvolution]):
    """Any kernel, stride, padding, dilation and group."""

    name = "lower-conv-transpose"
    op_types = ("ConvTranspose",)

    def match(self, node: gs.Node, module: Module) -> TransposedConvolution | Decline | None:
        """A two-dimensional transposed convolution between two maps of known size."""
        if is_sequence(node.inputs[0]):
            return None
        problem = map_problem(node, module, node.inputs[0], node.outputs[0])
        if problem is not None:
            return problem
        implicit = padding_problem(node)
        if implicit is not None or "output_shape" in node.attrs:
            return Decline(node, "its padding could not be made explicit")
        kernel = kernel_of(node)
        window = None if kernel is None else window_of(node, kernel)
        if window is None:
            return Decline(node, "its kernel shape is not known at compile time")
        group = int(node.attrs.get("group", 1))
        high, wide = (int(p) for p in node.attrs.get("output_padding", (0, 0)))
        outputs = int(node.outputs[0].shape[1]) // group
        work = elements(node.inputs[0]) * outputs * window.kernel[0] * window.kernel[1]
        return TransposedConvolution(window, (high, wide), group, work)

    def rewrite(self, node: gs.Node, match: TransposedConvolution, rewriter: Rewriter) -> None:
        """The bias is explicit, zeros where the node has none."""
        source, target, module = node.inputs[0], node.outputs[0], rewriter.module
        if module.block(source) == 1 and module.block(target) == 1:
            rewriter.keep_trivial(match.multiply_adds)
            return
        inputs = [rewriter.jpeg(source), node.inputs[1], bias_of(node, module)]
        rewriter.replace(
            "JpegConvTranspose",
            inputs + rewriter.inverse(source) + rewriter.forward(target),
            {
                "strides": list(match.window.strides),
                "pads": match.window.pads,
                "dilations": list(match.window.dilations),
                "output_padding": list(match.output_padding),
                "group": match.group,
                "input_block": module.block(source),
                "output_block": module.block(target),
            },
            multiply_adds=match.multiply_adds,
            transforms=(source, target),
        )
