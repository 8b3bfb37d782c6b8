"""Lower Clip (ReLU6 among others) to the JPEG domain, exactly.

Clip(x, 0, inf)     =>  ToSpatial(JpegRelu(ToJpeg(x)))
Clip(x, low, high)  =>  ToSpatial(JpegClip(ToJpeg(x), low, high))

JpegClip: inverse DCT, Clip, DCT.
A bound that is missing or infinite becomes the largest number of the precision: the same for every
finite x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, map_problem


@dataclass(frozen=True)
class Bounds:
    """Finite bounds, low <= high; `is_relu` where they are 0 and the largest number there is."""

    low: float
    high: float
    is_relu: bool


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
        largest = float(np.finfo(source.dtype).max)
        low = _bound(node, 1, "min", -largest)
        high = _bound(node, 2, "max", largest)
        if isinstance(low, Decline):
            return low
        if isinstance(high, Decline):
            return high
        # Where the bounds cross, the upper one wins (ONNX, Clip).
        low, high = (float(np.clip(value, -largest, largest)) for value in (min(low, high), high))
        return Bounds(low, high, is_relu=low == 0.0 and high == largest)

    def rewrite(self, node: gs.Node, match: Bounds, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
        source, module = node.inputs[0], rewriter.module
        block = module.block(source)
        if block == 1:
            rewriter.keep_trivial()
            return
        bounds = (
            []
            if match.is_relu
            else [
                gs.Constant(
                    module.fresh(f"{node.outputs[0].name}.{name}"), np.asarray(value, source.dtype)
                )
                for name, value in (("low", match.low), ("high", match.high))
            ]
        )
        rewriter.replace(
            "JpegRelu" if match.is_relu else "JpegClip",
            [rewriter.jpeg(source), *bounds, *rewriter.inverse(source), *rewriter.forward(source)],
            {"block": block},
            transforms=(source, source),
        )


def _bound(node: gs.Node, index: int, name: str, default: float) -> float | Decline:
    """Bounds are attributes below opset 11, inputs since."""
    tensor = input_at(node, index)
    if tensor is None:
        return float(node.attrs.get(name, default))
    value = value_of(tensor)
    if value is None:
        return Decline(node, f"its bound '{tensor.name}' is not known at compile time")
    return float(value.reshape(()))
