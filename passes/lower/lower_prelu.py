"""Lower LeakyRelu and PRelu to the JPEG domain, exactly.

LeakyRelu(x)     =>  ToSpatial(JpegPRelu(ToJpeg(x), alpha))
PRelu(x, slope)  =>  ToSpatial(JpegPRelu(ToJpeg(x), slope))     JpegPRelu: inverse DCT, PRelu, DCT

The slope is spatial: one number, one for each channel, or one for each pixel.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.slopes import slope_of
from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter
from jpegcompile.operators.piecewise import PRELU


class LowerPRelu(Lowering[gs.Tensor]):
    """Lowers LeakyRelu and PRelu with an exact mask."""

    name = "lower-prelu"
    op_types = ("LeakyRelu", "PRelu")

    def match(self, node: gs.Node, module: Module) -> gs.Tensor | Decline | None:
        """Return the input, which must be a map; an operator on vectors is ignored."""
        source = node.inputs[0]
        if source.shape is not None and len(source.shape) != 4:
            return None
        return map_problem(node, module, source) or source

    def rewrite(self, node: gs.Node, match: gs.Tensor, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
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
