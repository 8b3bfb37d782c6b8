"""Lower products, maxima and minima of two maps to the JPEG domain, exactly.

Mul(x, y), Max(x, y), Min(x, y)  of equal shapes  =>  ToSpatial(JpegMul(ToJpeg(x), ToJpeg(y))), ...
Mul(x, a)  of [N, C, H, W] and [N, 1, H, W]       =>  the same; spatial attention
Mul(x, a)  of [N, C, H, W] and [N, C, H, 1], ...  =>  the same; JpegResize broadcasts a
Mul(x, c)  of a map and a constant that varies    =>  the same; c is transformed at compile time

Each transforms both operands to pixels, applies the operator, and transforms the result back. A
quotient stays on pixels, since its divisor may be zero somewhere (`docs/exactness.md`).
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter

# First the operand with the shape of the result, then the other one.
Operands = tuple[gs.Tensor, gs.Tensor]


class LowerProducts(Lowering[Operands]):
    """Lowers functions of two maps; `lower_pixelwise.py` lowers functions of one map."""

    name = "lower-products"
    op_types = ("Mul", "Max", "Min")

    def match(self, node: gs.Node, module: Module) -> Operands | Decline | None:
        """Return both operands: a map, and another map or constant that broadcasts to it."""
        target = node.outputs[0]
        if (
            target.name not in module.maps
            or module.assigned_block(target) == 1
            or len(node.inputs) != 2
        ):
            return None
        shape = tuple(target.shape)
        whole = [t for t in node.inputs if value_of(t) is None and tuple(t.shape or ()) == shape]
        if not whole:
            return None
        first = whole[0]
        other = node.inputs[1] if node.inputs[0] is first else node.inputs[0]
        if value_of(other) is not None:
            return (first, other) if node.op == "Mul" and _varies(other, shape) else None
        if len(whole) != 2 and not (node.op == "Mul" and _is_spread(other, shape)):
            return None
        return map_problem(node, module, first, other) or (first, other)

    def rewrite(self, node: gs.Node, match: Operands, rewriter: Rewriter) -> None:
        """Replace the node; both operands get the block size of the result."""
        target = node.outputs[0]
        rewriter.replace(
            f"Jpeg{node.op}",
            {
                "x": rewriter.jpeg(match[0]),
                "residual": _other(match[1], target, rewriter),
                **rewriter.inverse(target),
                **rewriter.forward(target),
            },
            {"block": rewriter.module.assigned_block(target)},
            transforms=(match[0], target, target),
        )


def _is_spread(tensor: gs.Tensor, shape: tuple[int | str, ...]) -> bool:
    """Whether a map is broadcast over channels, rows or columns, but not over the whole plane."""
    given = tuple(tensor.shape or ())
    if len(given) != 4 or given[0] != shape[0] or given[2:] == (1, 1):
        return False
    return all(d in (1, whole) for d, whole in zip(given[1:], shape[1:], strict=True))


def _other(tensor: gs.Tensor, target: gs.Tensor, rewriter: Rewriter) -> gs.Tensor:
    if value_of(tensor) is not None:
        return rewriter.jpeg_operand(tensor, target)
    return rewriter.stretched(tensor, target)


def _varies(constant: gs.Constant, shape: tuple[int | str, ...]) -> bool:
    """Whether a constant is finite, equal for every image, and varies over the plane."""
    values = np.asarray(constant.values)
    if values.ndim < 2 or (values.ndim == 4 and values.shape[0] != 1):
        return False
    if values.ndim >= 3 and values.shape[-3] not in (1, shape[1]):
        return False
    return values.shape[-2:] != (1, 1) and bool(np.isfinite(values).all())
