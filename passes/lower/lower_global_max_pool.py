"""Lower the maximum of whole maps to the JPEG domain, exactly.

GlobalMaxPool(x)  =>  JpegGlobalMaxPool(ToJpeg(x))        inverse DCT, GlobalMaxPool

The result is one pixel for each channel, which equals its DCT.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.decline import Decline, is_sequence, map_problem
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter


class LowerGlobalMaxPool(Lowering[int]):
    """Lowers GlobalMaxPool; its output has block size 1."""

    name = "lower-global-max-pool"
    op_types = ("GlobalMaxPool",)

    def match(self, node: gs.Node, module: Module) -> int | Decline | None:
        """Return the block size of a map of known size."""
        if is_sequence(node.inputs[0]):
            return None
        problem = map_problem(node, module, node.inputs[0], node.outputs[0])
        return problem or module.assigned_block(node.inputs[0])

    def rewrite(self, node: gs.Node, match: int, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
        if match == 1:
            rewriter.keep_node()
            return
        source = node.inputs[0]
        inputs = {"x": rewriter.jpeg(source), **rewriter.inverse(source)}
        attrs = {"input_block": match, "output_block": 1}
        rewriter.replace("JpegGlobalMaxPool", inputs, attrs, transforms=(source,))
