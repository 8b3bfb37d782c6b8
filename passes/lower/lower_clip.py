"""Lower Clip, such as ReLU6, to the JPEG domain, exactly.

Clip(x, 0, inf)     =>  ToSpatial(JpegRelu(ToJpeg(x)))
Clip(x, low, high)  =>  ToSpatial(JpegClip(ToJpeg(x), low, high))

JpegClip is an inverse DCT, Clip and a DCT. A missing or infinite bound becomes the largest finite
number of the precision, which is equivalent for every finite x.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.bounds import Bounds, bounds_of
from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter
from jpegcompile.messages import Message
from jpegcompile.operators.piecewise import CLIP, RELU


class LowerClip(Lowering[Bounds]):
    """Lowers Clip with an exact mask."""

    name = "lower-clip"
    op_types = ("Clip",)

    def match(self, node: gs.Node, module: Module) -> Bounds | Decline | None:
        """Return the bounds, which must be constant; a Clip of vectors is ignored."""
        source = node.inputs[0]
        if source.shape is not None and len(source.shape) != 4:
            return None
        problem = map_problem(node, module, source)
        if problem is not None:
            return problem
        bounds = bounds_of(node)
        return Decline(node, bounds) if isinstance(bounds, Message) else bounds

    def rewrite(self, node: gs.Node, match: Bounds, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
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
