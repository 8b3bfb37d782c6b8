"""Lower ReLU to the JPEG domain, exactly.

Relu(x)  =>  ToSpatial(JpegRelu(ToJpeg(x)))        JpegRelu: inverse DCT, max(0, .), DCT
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter
from jpegcompile.operators.piecewise import RELU


class LowerRelu(Lowering[gs.Tensor]):
    """Lowers Relu with an exact mask."""

    name = "lower-relu"
    op_types = ("Relu",)

    def match(self, node: gs.Node, module: Module) -> gs.Tensor | Decline | None:
        """Return the input, which must be a map; a Relu of vectors is ignored."""
        source = node.inputs[0]
        if source.shape is not None and len(source.shape) != 4:
            return None
        return map_problem(node, module, source) or source

    def rewrite(self, node: gs.Node, match: gs.Tensor, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
        block = rewriter.module.assigned_block(match)
        if block == 1:
            rewriter.keep_node()
            return
        matrices = {**rewriter.inverse(match), **rewriter.forward(match)}
        rewriter.replace(
            RELU,
            {"x": rewriter.jpeg(match), **matrices},
            {"block": block},
            transforms=(match, match),
        )
