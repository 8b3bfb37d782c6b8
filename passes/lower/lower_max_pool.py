"""Lower max pooling to the JPEG domain, exactly.

MaxPool(x)  =>  ToSpatial(JpegMaxPool(ToJpeg(x)))        JpegMaxPool: inverse DCT, MaxPool, DCT
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.pooling import max_pool_of
from jpegcompile.analysis.window import Window
from jpegcompile.ir.decline import Decline
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter
from jpegcompile.operators.piecewise import DILATED_MAX_POOL, MAX_POOL


class LowerMaxPool(Lowering[Window]):
    """Lowers MaxPool without its second output, the positions of maxima."""

    name = "lower-max-pool"
    op_types = ("MaxPool",)

    def match(self, node: gs.Node, module: Module) -> Window | Decline | None:
        """Match a two-dimensional pooling between two maps of known size."""
        return max_pool_of(node, module)

    def rewrite(self, node: gs.Node, match: Window, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
        source, target = node.inputs[0], node.outputs[0]
        module = rewriter.module
        if module.assigned_block(source) == 1 and module.assigned_block(target) == 1:
            rewriter.keep_node()
            return
        attrs = {
            "kernel_shape": list(match.kernel),
            "strides": list(match.strides),
            "pads": match.pads,
            "input_block": module.assigned_block(source),
            "output_block": module.assigned_block(target),
        }
        op = MAX_POOL
        if match.dilations != (1, 1):
            # MaxPool has dilations since opset 10, so the usual function body must not use them.
            op, attrs["dilations"] = DILATED_MAX_POOL, list(match.dilations)
        matrices = {**rewriter.inverse(source), **rewriter.forward(target)}
        inputs = {"x": rewriter.jpeg(source), **matrices}
        rewriter.replace(op, inputs, attrs, transforms=(source, target))
