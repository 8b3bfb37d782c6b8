"""Lower changes of precision to the JPEG domain.

Cast(x)  =>  ToSpatial(Cast(ToJpeg(x)))        between float32 and float64

Coefficients are rounded in place of pixels: not the same numbers, but, the DCT being orthonormal,
a rounding of the same size. To a wider type it is exact. What is float16 became float32 before.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter


class LowerCast(Lowering[gs.Tensor]):
    """Cast of a map; one to or from a type that no map has is no concern."""

    name = "lower-cast"
    op_types = ("Cast",)

    def match(self, node: gs.Node, module: Module) -> gs.Tensor | Decline | None:
        """Both sides are maps."""
        source, target = node.inputs[0], node.outputs[0]
        if source.name not in module.maps or target.name not in module.maps:
            return None
        return source

    def rewrite(self, node: gs.Node, match: gs.Tensor, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
        if rewriter.module.assigned_block(match) == 1:
            rewriter.keep_node()
            return
        rewriter.reuse_operator([rewriter.jpeg(match)])
