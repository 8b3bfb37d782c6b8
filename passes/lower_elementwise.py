"""Lower arithmetic between maps, and between a map and values that do not vary over its plane.

Add(x, y, ...), Sum  of equal shapes  =>  ToSpatial(Add(ToJpeg(x), ToJpeg(y), ...))
Sub(x, y)            of equal shapes  =>  ToSpatial(Sub(ToJpeg(x), ToJpeg(y)))
Concat(x, y, ...)    over channels    =>  ToSpatial(Concat(ToJpeg(x), ToJpeg(y), ...))
Mul(x, c), Div(x, c)                  =>  ToSpatial(Mul(ToJpeg(x), c))
Add(x, c), Sub(x, c)                  =>  ToSpatial(JpegAdd(ToJpeg(x), c)), JpegSub      on DC only

c is a scalar, a channel vector or a map of 1x1. Exact: the DCT is linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, map_problem


@dataclass(frozen=True)
class Arithmetic:
    """Which operands are maps of the output's size, and whether the rest acts on DC only."""

    maps: tuple[gs.Tensor, ...]
    on_dc: bool


class LowerElementwise(Lowering[Arithmetic]):
    """Linear arithmetic; the operator stays the same except where a constant meets DC only."""

    name = "lower-elementwise"
    op_types = ("Add", "Sum", "Sub", "Mul", "Div", "Concat")

    def match(self, node: gs.Node, module: Module) -> Arithmetic | Decline | None:
        """At least one operand, and the result, are maps of known size."""
        target = node.outputs[0]
        if target.name in module.blocks or (target.shape is not None and len(target.shape) != 4):
            return None
        problem = map_problem(node, module, target)
        if problem is not None:
            return problem if _touches_map(node, module) else None
        if node.op == "Concat":
            return _match_concat(node, module)
        shape = tuple(target.shape)
        same = tuple(t for t in node.inputs if t.name in module.maps and tuple(t.shape) == shape)
        others = [t for t in node.inputs if all(t is not m for m in same)]
        if not same:
            return Decline(node, "no operand has the shape of the result")
        if not others:
            if node.op in ("Mul", "Div") and module.block(target) > 1:
                return Decline(node, "a product or quotient of two maps is not linear")
            return Arithmetic(same, on_dc=False)
        varying = next((t for t in others if not _is_flat(t)), None)
        if varying is not None and module.block(target) > 1:
            return Decline(node, f"operand '{varying.name}' varies over height and width")
        if node.op in ("Sub", "Div") and same[0] is not node.inputs[0] and module.block(target) > 1:
            return Decline(node, "its map is the second operand")
        if node.op == "Sum" and module.block(target) > 1:
            return Decline(node, "Sum of a map and a value that does not vary")
        return Arithmetic(same, on_dc=node.op in ("Add", "Sub"))

    def rewrite(self, node: gs.Node, match: Arithmetic, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
        target = node.outputs[0]
        block = rewriter.module.block(target)
        if block == 1:
            rewriter.keep_trivial()
            return
        maps = {id(t) for t in match.maps}
        operands = [rewriter.jpeg(t) if id(t) in maps else t for t in node.inputs]
        if not match.on_dc:
            rewriter.replace(node.op, operands, node.attrs, domain=None)
            return
        source = next(t for t in operands if rewriter.module.domain(t) > 1)
        value = next(t for t in operands if t is not source)
        rewriter.replace(f"Jpeg{node.op}", [source, value, rewriter.dc(target)], {"block": block})


def _match_concat(node: gs.Node, module: Module) -> Arithmetic | Decline:
    if int(node.attrs["axis"]) % 4 != 1:
        return Decline(node, "it concatenates along height, width or batch")
    problem = map_problem(node, module, *node.inputs)
    return problem or Arithmetic(tuple(node.inputs), on_dc=False)


def _is_flat(tensor: gs.Tensor) -> bool:
    """Whether a tensor, broadcast against NCHW, is constant over height and width."""
    shape = tensor.shape
    return shape is not None and all(d == 1 for d in tuple(shape)[-2:])


def _touches_map(node: gs.Node, module: Module) -> bool:
    return any(t.name in module.maps for t in node.inputs)
