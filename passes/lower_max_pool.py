"""Lower max pooling to the JPEG domain, exactly.

MaxPool(x)  =>  ToSpatial(JpegMaxPool(ToJpeg(x)))        JpegMaxPool: inverse DCT, MaxPool, DCT
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, is_sequence, map_problem
from jpegcompile.ir.window import Window, padding_problem, window_of


class LowerMaxPool(Lowering[Window]):
    """MaxPool of values; positions of the maxima have no jpeg-domain form."""

    name = "lower-max-pool"
    op_types = ("MaxPool",)

    def match(self, node: gs.Node, module: Module) -> Window | Decline | None:
        """A two-dimensional pooling between two maps of known size."""
        if is_sequence(node.inputs[0]):
            return None
        problem = map_problem(node, module, node.inputs[0], node.outputs[0])
        if problem is not None:
            return problem
        if len(node.outputs) > 1 and node.outputs[1].name:
            return Decline(node, "its second output, the positions of the maxima, is spatial")
        implicit = padding_problem(node)
        if implicit is not None:
            return Decline(node, implicit)
        window = window_of(node, tuple(node.attrs["kernel_shape"]))
        return window or Decline(node, "it does not pool over height and width")

    def rewrite(self, node: gs.Node, match: Window, rewriter: Rewriter) -> None:
        """At block size 1 on both sides the operator is its own twin."""
        source, target = node.inputs[0], node.outputs[0]
        module = rewriter.module
        if module.block(source) == 1 and module.block(target) == 1:
            rewriter.keep_trivial()
            return
        attrs = {
            "kernel_shape": list(match.kernel),
            "strides": list(match.strides),
            "pads": match.pads,
            "input_block": module.block(source),
            "output_block": module.block(target),
        }
        op = "JpegMaxPool"
        if match.dilations != (1, 1):
            # MaxPool has dilations since opset 10 only, so the plain body must not name them.
            op, attrs["dilations"] = "JpegDilatedMaxPool", list(match.dilations)
        matrices = rewriter.inverse(source) + rewriter.forward(target)
        rewriter.replace(op, [rewriter.jpeg(source), *matrices], attrs, transforms=(source, target))
