"""Lower reductions over channels to the JPEG domain, exactly.

ReduceMean(x), ReduceSum(x) over channels  =>  ToSpatial(JpegChannelMean(ToJpeg(x))), JpegChannelSum
ReduceMax(x), ReduceMin(x) over channels   =>  ToSpatial(JpegChannelMax(ToJpeg(x))), JpegChannelMin

The DCT commutes with sums over channels. For a maximum, all channels are transformed to pixels, and
the maximum is transformed back. Used by channel pooling in CBAM (Woo et al. 2018) and by maxout.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import reduced_axes
from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter

_LINEAR = ("ReduceMean", "ReduceSum")


class LowerChannelReduction(Lowering[int]):
    """Lowers reductions over channels only; `lower_reduction.py` lowers other axes."""

    name = "lower-channel-reduction"
    op_types = (*_LINEAR, "ReduceMax", "ReduceMin")

    def match(self, node: gs.Node, module: Module) -> int | Decline | None:
        """Return the block size of a map whose reduction keeps four dimensions."""
        source, target = node.inputs[0], node.outputs[0]
        if source.name not in module.maps or reduced_axes(node, 4) != {1}:
            return None
        return map_problem(node, module, target) or module.assigned_block(source)

    def rewrite(self, node: gs.Node, match: int, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
        if match == 1:
            rewriter.keep_node()
            return
        source, target = node.inputs[0], node.outputs[0]
        name = f"JpegChannel{node.op.removeprefix('Reduce')}"
        if node.op in _LINEAR:
            rewriter.replace(name, {"x": rewriter.jpeg(source)}, {"block": match})
            return
        matrices = {**rewriter.inverse(source), **rewriter.forward(target)}
        rewriter.replace(
            name,
            {"x": rewriter.jpeg(source), **matrices},
            {"block": match},
            transforms=(source, target),
        )
