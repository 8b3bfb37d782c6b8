"""Lower what picks channels of maps: it is the same operator in both domains.

Gather(x, constant) over channels  =>  ToSpatial(Gather(ToJpeg(x), constant))
Split(x) over channels             =>  ToSpatial of each part of Split(ToJpeg(x))        exact
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.channels import plane_indices
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, map_problem


class LowerAlongChannels(Lowering[int]):
    """Gather and Split along the axis of channels."""

    name = "lower-along-channels"
    op_types = ("Gather", "Split")

    def match(self, node: gs.Node, module: Module) -> int | Decline | None:
        """The block size of a map of which known channels are picked."""
        source = node.inputs[0]
        if source.name not in module.maps:
            return None
        made = [tensor for tensor in node.outputs if tensor.name]
        if {module.maps.get(tensor.name) for tensor in (source, *made)} == {1}:
            return 1
        if plane_indices(node) is not None:
            # A matrix along that axis, see `lower_separable.py`.
            return None
        if int(node.attrs.get("axis", 0)) % 4 != 1:
            return Decline(node, "it picks along height, width or batch")
        operands = [value_of(tensor) for tensor in node.inputs[1:]]
        if any(operand is None for operand in operands):
            return Decline(node, "which channels it picks is not known at compile time")
        problem = map_problem(node, module, *made)
        return problem or module.assigned_block(source)

    def rewrite(self, node: gs.Node, match: int, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
        if match == 1:
            rewriter.keep_node()
            return
        inputs = [rewriter.jpeg(node.inputs[0]), *node.inputs[1:]]
        rewriter.reuse_operator(inputs, outputs=len(node.outputs))
