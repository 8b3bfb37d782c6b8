"""Lower Clip (ReLU6 among others) to the JPEG domain, exactly.

Clip(x, 0, inf)     =>  ToSpatial(JpegRelu(ToJpeg(x)))
Clip(x, low, high)  =>  ToSpatial(JpegClip(ToJpeg(x), low, high))

JpegClip: inverse DCT, Clip, DCT.
A bound that is missing or infinite becomes the largest number of the precision: the same for every
finite x.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.bounds import Bounds, bounds_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, map_problem
from jpegcompile.operators.piecewise import CLIP, RELU


class LowerClip(Lowering[Bounds]):
    """Clip with all frequencies: no mask is approximated."""

    name = "lower-clip"
    op_types = ("Clip",)

    def match(self, node: gs.Node, module: Module) -> Bounds | Decline | None:
        """Constant bounds, on a map; a Clip on vectors is no concern."""
        source = node.inputs[0]
        if source.shape is not None and len(source.shape) != 4:
            return None
        problem = map_problem(node, module, source)
        if problem is not None:
            return problem
        bounds = bounds_of(node)
        return Decline(node, bounds) if isinstance(bounds, str) else bounds

    def rewrite(self, node: gs.Node, match: Bounds, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
        source, module = node.inputs[0], rewriter.module
        block = module.assigned_block(source)
        if block == 1:
            rewriter.keep_node()
            return
        bounds = {} if match.is_relu else match.constants(node.outputs[0], module)
        rewriter.replace(
            RELU if match.is_relu else CLIP,
            {
                "x": rewriter.jpeg(source),
                **bounds,
                **rewriter.inverse(source),
                **rewriter.forward(source),
            },
            {"block": block},
            transforms=(source, source),
        )
