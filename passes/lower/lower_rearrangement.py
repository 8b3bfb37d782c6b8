"""Lower the exchange of pixels and channels to the JPEG domain, exactly.

SpaceToDepth(x)  =>  ToSpatial(JpegSpaceToDepth(ToJpeg(x)))        inverse DCT, SpaceToDepth, DCT
DepthToSpace(x)  =>  ToSpatial(JpegDepthToSpace(ToJpeg(x)))        likewise

DepthToSpace has one order of channels here, see `canonical_rearrangement.py`.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, map_problem


class LowerRearrangement(Lowering[int]):
    """SpaceToDepth and DepthToSpace of tiles of pixels."""

    name = "lower-rearrangement"
    op_types = ("SpaceToDepth", "DepthToSpace")

    def match(self, node: gs.Node, module: Module) -> int | Decline | None:
        """The side of the tiles that two maps of known size exchange."""
        problem = map_problem(node, module, node.inputs[0], node.outputs[0])
        if problem is not None:
            return problem
        if node.attrs.get("mode", "DCR") != "DCR":
            return Decline(node, f"its order of channels is {node.attrs['mode']}, not DCR")
        return int(node.attrs["blocksize"])

    def rewrite(self, node: gs.Node, match: int, rewriter: Rewriter) -> None:
        """At block size 1 on both sides the operator is its own twin."""
        source, target = node.inputs[0], node.outputs[0]
        input_block, output_block = (rewriter.module.assigned_block(t) for t in (source, target))
        if input_block == 1 and output_block == 1:
            rewriter.keep_node()
            return
        matrices = {**rewriter.inverse(source), **rewriter.forward(target)}
        rewriter.replace(
            f"Jpeg{node.op}",
            {"x": rewriter.jpeg(source), **matrices},
            {"blocksize": match, "input_block": input_block, "output_block": output_block},
            transforms=(source, target),
        )
