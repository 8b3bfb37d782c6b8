"""Lower arithmetic between maps, and between a map and values that are constant over its plane.

Add(x, y, ...), Sum  of equal shapes  =>  ToSpatial(Add(ToJpeg(x), ToJpeg(y), ...))
Sub(x, y)            of equal shapes  =>  ToSpatial(Sub(ToJpeg(x), ToJpeg(y)))
Concat(x, y, ...)    over channels    =>  ToSpatial(Concat(ToJpeg(x), ToJpeg(y), ...))
Neg(x)                                =>  ToSpatial(Neg(ToJpeg(x)))
Mul(x, c), Div(x, c)                  =>  ToSpatial(Mul(ToJpeg(x), c))
Add(x, c), Sub(x, c)                  =>  ToSpatial(JpegAdd(ToJpeg(x), c)), JpegSub      on DC only

c is a scalar, a channel vector or a map of 1x1. y may be a constant that varies over height and
width; it is broadcast to the map's size and transformed at compile time. Exact: the DCT is linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Arithmetic:
    """Operands of an arithmetic node.

    Attributes:
        maps: operands that enter the JPEG domain, including constants that vary over the plane.
        on_dc: whether the other operand affects DC coefficients only.
    """

    maps: tuple[gs.Tensor, ...]
    on_dc: bool


class LowerElementwise(Lowering[Arithmetic]):
    """Lowers linear arithmetic; the operator changes only if an operand affects DC only."""

    name = "lower-elementwise"
    op_types = ("Add", "Sum", "Sub", "Mul", "Div", "Neg", "Concat")

    def match(self, node: gs.Node, module: Module) -> Arithmetic | Decline | None:
        """Return the operands; the result and at least one operand must be maps of known size."""
        target = node.outputs[0]
        if target.name in module.blocks or (target.shape is not None and len(target.shape) != 4):
            return None
        problem = map_problem(node, module, target)
        if problem is not None:
            if not _touches_map(node, module):
                return None
            infinite = next((t for t in node.inputs if not _is_finite(t)), None)
            if infinite is None:
                return problem
            text = f"operand '{infinite.name}' is not finite everywhere"
            return Decline(node, Message("operand-not-finite", text))
        shape = tuple(target.shape)
        if node.op == "Concat":
            return _match_concat(node, module)
        same = tuple(t for t in node.inputs if t.name in module.maps and tuple(t.shape) == shape)
        others = [t for t in node.inputs if all(t is not m for m in same)]
        if not same:
            text = "no operand has the shape of the result"
            return Decline(node, Message("no-operand-of-result-shape", text))
        if not others:
            if node.op in ("Mul", "Div") and module.assigned_block(target) > 1:
                text = "a product or quotient of two maps is not linear"
                return Decline(node, Message("product-of-maps", text))
            return Arithmetic(same, on_dc=False)
        if node.op in ("Add", "Sub") and _is_varying_constant(others[0], target):
            return Arithmetic((*same, *others), on_dc=False)
        varying = next((t for t in others if not _is_flat(t)), None)
        if varying is not None and module.assigned_block(target) > 1:
            text = f"operand '{varying.name}' varies over height and width"
            return Decline(node, Message("operand-varies-over-plane", text))
        if (
            node.op in ("Sub", "Div")
            and same[0] is not node.inputs[0]
            and module.assigned_block(target) > 1
        ):
            text = "its map is the second operand"
            return Decline(node, Message("map-is-second-operand", text))
        return Arithmetic(same, on_dc=node.op in ("Add", "Sub"))

    def rewrite(self, node: gs.Node, match: Arithmetic, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
        target = node.outputs[0]
        block = rewriter.module.assigned_block(target)
        if block == 1:
            rewriter.keep_node()
            return
        maps = {id(t) for t in match.maps}
        operands = [rewriter.jpeg_operand(t, target) if id(t) in maps else t for t in node.inputs]
        if not match.on_dc:
            rewriter.reuse_operator(operands)
            return
        source = next(t for t in operands if rewriter.module.current_block(t) > 1)
        value = next(t for t in operands if t is not source)
        inputs = {"x": source, "value": value, "dc": rewriter.dc(target)}
        rewriter.replace(f"Jpeg{node.op}", inputs, {"block": block})


def _match_concat(node: gs.Node, module: Module) -> Arithmetic | Decline:
    blocks = {module.maps.get(t.name) for t in (*node.inputs, node.outputs[0])}
    if blocks == {1}:
        return Arithmetic(tuple(node.inputs), on_dc=False)
    if int(node.attrs["axis"]) % 4 != 1:
        text = "it concatenates along height, width or batch"
        return Decline(node, Message("concat-outside-channels", text))
    maps = [t for t in node.inputs if not _is_whole_constant(t, node.outputs[0])]
    problem = map_problem(node, module, *maps)
    return problem or Arithmetic(tuple(node.inputs), on_dc=False)


def _is_varying_constant(tensor: gs.Tensor, target: gs.Tensor) -> bool:
    """Whether a tensor is a constant that differs between pixels but not between images."""
    shape = tuple(tensor.shape or ())
    is_shared = len(shape) < 4 or shape[0] == 1 or shape[0] == target.shape[0]
    return isinstance(tensor, gs.Constant) and not _is_flat(tensor) and is_shared


def _is_whole_constant(tensor: gs.Tensor, target: gs.Tensor) -> bool:
    """Whether a tensor is a constant map of the result's size."""
    return isinstance(tensor, gs.Constant) and tuple(tensor.shape[2:]) == tuple(target.shape[2:])


def _is_finite(tensor: gs.Tensor) -> bool:
    """Whether a tensor is variable or finite; an infinite pixel would spread over its tile."""
    values = value_of(tensor)
    return values is None or bool(np.isfinite(values).all())


def _is_flat(tensor: gs.Tensor) -> bool:
    """Whether a tensor, broadcast to NCHW, is constant over height and width."""
    shape = tensor.shape
    return shape is not None and all(d == 1 for d in tuple(shape)[-2:])


def _touches_map(node: gs.Node, module: Module) -> bool:
    return any(t.name in module.maps for t in node.inputs)
