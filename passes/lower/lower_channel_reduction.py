"""Lower what makes one map of all channels to the JPEG domain, exactly.

ReduceMean(x), ReduceSum(x) over channels  =>  ToSpatial(JpegChannelMean(ToJpeg(x))), JpegChannelSum
ReduceMax(x), ReduceMin(x) over channels   =>  ToSpatial(JpegChannelMax(ToJpeg(x))), JpegChannelMin

Along channels the DCT and the sum commute; for a maximum all channels go back to pixels, and the
maximum forward. Channel pooling of CBAM (Woo et al. 2018), maxout.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import reduced_axes
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, map_problem

_LINEAR = ("ReduceMean", "ReduceSum")


class LowerChannelReduction(Lowering[int]):
    """Reductions over channels alone; `lower_reduction.py` has the other axes."""

    name = "lower-channel-reduction"
    op_types = (*_LINEAR, "ReduceMax", "ReduceMin")

    def match(self, node: gs.Node, module: Module) -> int | Decline | None:
        """The block size of a map that keeps its four dimensions."""
        source, target = node.inputs[0], node.outputs[0]
        if source.name not in module.maps or reduced_axes(node, 4) != {1}:
            return None
        return map_problem(node, module, target) or module.assigned_block(source)

    def rewrite(self, node: gs.Node, match: int, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
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
