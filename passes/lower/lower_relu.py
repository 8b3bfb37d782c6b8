"""Lower ReLU to the JPEG domain, exactly.

Relu(x)  =>  ToSpatial(JpegRelu(ToJpeg(x)))        JpegRelu: inverse DCT, max(0, .), DCT
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, map_problem
from jpegcompile.operators.piecewise import RELU


class LowerRelu(Lowering[gs.Tensor]):
    """ReLU with all frequencies: no mask is approximated."""

    name = "lower-relu"
    op_types = ("Relu",)

    def match(self, node: gs.Node, module: Module) -> gs.Tensor | Decline | None:
        """A ReLU on a map; one on vectors is no concern."""
        source = node.inputs[0]
        if source.shape is not None and len(source.shape) != 4:
            return None
        return map_problem(node, module, source) or source

    def rewrite(self, node: gs.Node, match: gs.Tensor, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
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
