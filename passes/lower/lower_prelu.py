"""Lower ReLUs that are not flat below zero to the JPEG domain, exactly.

LeakyRelu(x)     =>  ToSpatial(JpegPRelu(ToJpeg(x), alpha))
PRelu(x, slope)  =>  ToSpatial(JpegPRelu(ToJpeg(x), slope))     JpegPRelu: inverse DCT, PRelu, DCT

The slope belongs to pixels: it may be one number, one for each channel, or one for each pixel.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.slopes import slope_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, map_problem
from jpegcompile.operators.piecewise import PRELU


class LowerPRelu(Lowering[gs.Tensor]):
    """LeakyRelu and PRelu with all frequencies: no mask is approximated."""

    name = "lower-prelu"
    op_types = ("LeakyRelu", "PRelu")

    def match(self, node: gs.Node, module: Module) -> gs.Tensor | Decline | None:
        """One on a map; one on vectors is no concern."""
        source = node.inputs[0]
        if source.shape is not None and len(source.shape) != 4:
            return None
        return map_problem(node, module, source) or source

    def rewrite(self, node: gs.Node, match: gs.Tensor, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
        module = rewriter.module
        block = module.assigned_block(match)
        if block == 1:
            rewriter.keep_node()
            return
        slope = slope_of(node, module)
        rewriter.replace(
            PRELU,
            {
                "x": rewriter.jpeg(match),
                "slope": slope,
                **rewriter.inverse(match),
                **rewriter.forward(match),
            },
            {"block": block},
            transforms=(match, match),
        )
