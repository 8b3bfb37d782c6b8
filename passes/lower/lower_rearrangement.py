"""Lower rearrangements between pixels and channels to the JPEG domain, exactly.

SpaceToDepth(x)  =>  ToSpatial(JpegSpaceToDepth(ToJpeg(x)))        inverse DCT, SpaceToDepth, DCT
DepthToSpace(x)  =>  ToSpatial(JpegDepthToSpace(ToJpeg(x)))        inverse DCT, DepthToSpace, DCT

`canonical_rearrangement.py` has converted DepthToSpace to one order of channels.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter
from jpegcompile.messages import Message


class LowerRearrangement(Lowering[int]):
    """Lowers SpaceToDepth and DepthToSpace."""

    name = "lower-rearrangement"
    op_types = ("SpaceToDepth", "DepthToSpace")

    def match(self, node: gs.Node, module: Module) -> int | Decline | None:
        """Return the `blocksize` of a rearrangement between two maps of known size."""
        problem = map_problem(node, module, node.inputs[0], node.outputs[0])
        if problem is not None:
            return problem
        if node.attrs.get("mode", "DCR") != "DCR":
            text = f"its order of channels is {node.attrs['mode']}, not DCR"
            return Decline(node, Message("depth-to-space-mode", text))
        return int(node.attrs["blocksize"])

    def rewrite(self, node: gs.Node, match: int, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
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
