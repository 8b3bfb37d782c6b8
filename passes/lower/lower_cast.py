"""Lower changes of precision to the JPEG domain.

Cast(x)  =>  ToSpatial(Cast(ToJpeg(x)))        between float32 and float64

A cast to float64 is exact. A cast to float32 rounds coefficients instead of pixels. The rounding
error has the same size, since the DCT is orthonormal. `widen_half.py` has already removed float16.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.decline import Decline
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter


class LowerCast(Lowering[gs.Tensor]):
    """Lowers Cast between the floating-point types of maps."""

    name = "lower-cast"
    op_types = ("Cast",)

    def match(self, node: gs.Node, module: Module) -> gs.Tensor | Decline | None:
        """Return the input; input and output must be maps."""
        source, target = node.inputs[0], node.outputs[0]
        if source.name not in module.maps or target.name not in module.maps:
            return None
        return source

    def rewrite(self, node: gs.Node, match: gs.Tensor, rewriter: Rewriter) -> None:
        """Apply the same operator in the JPEG domain."""
        if rewriter.module.assigned_block(match) == 1:
            rewriter.keep_node()
            return
        rewriter.reuse_operator([rewriter.jpeg(match)])
