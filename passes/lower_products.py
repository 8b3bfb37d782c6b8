"""Lower products, maxima and minima of two maps to the JPEG domain, exactly.

Mul(x, y), Max(x, y), Min(x, y)  of equal shapes  =>  ToSpatial(JpegMul(ToJpeg(x), ToJpeg(y))), ...
Mul(x, a)  of [N, C, H, W] and [N, 1, H, W]       =>  likewise: spatial attention

Each: both back to pixels, the operator, DCT. A quotient stays on pixels: what it divides by may be
zero somewhere (`docs/exactness.md`).
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, map_problem

# The whole map first, then the other one.
Operands = tuple[gs.Tensor, gs.Tensor]


class LowerProducts(Lowering[Operands]):
    """Functions of two maps; those of one are regions, see `lower_pointwise.py`."""

    name = "lower-products"
    op_types = ("Mul", "Max", "Min")

    def match(self, node: gs.Node, module: Module) -> Operands | Decline | None:
        """Two maps of one plane; the other may have one channel."""
        target = node.outputs[0]
        if target.name not in module.maps or module.block(target) == 1 or len(node.inputs) != 2:
            return None
        if any(value_of(tensor) is not None for tensor in node.inputs):
            return None
        shape = tuple(target.shape)
        whole = [t for t in node.inputs if tuple(t.shape or ()) == shape]
        if not whole:
            return None
        first = whole[0]
        other = node.inputs[1] if node.inputs[0] is first else node.inputs[0]
        shared = (shape[0], 1, *shape[2:])
        is_shared = node.op == "Mul" and tuple(other.shape or ()) == shared
        if len(whole) != 2 and not is_shared:
            return None
        return map_problem(node, module, first, other) or (first, other)

    def rewrite(self, node: gs.Node, match: Operands, rewriter: Rewriter) -> None:
        """Both maps have the block size of the result: they have its plane."""
        target = node.outputs[0]
        rewriter.replace(
            f"Jpeg{node.op}",
            [*map(rewriter.jpeg, match), *rewriter.inverse(target), *rewriter.forward(target)],
            {"block": rewriter.module.block(target)},
            transforms=(*match, target),
        )
