"""Lower operators that select channels, which are the same in both domains.

Gather(x, constant) over channels  =>  ToSpatial(Gather(ToJpeg(x), constant))
Split(x) over channels             =>  ToSpatial of each part of Split(ToJpeg(x))        exact
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.channels import plane_indices
from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter
from jpegcompile.messages import Message


class LowerAlongChannels(Lowering[int]):
    """Lowers Gather and Split along channels."""

    name = "lower-along-channels"
    op_types = ("Gather", "Split")

    def match(self, node: gs.Node, module: Module) -> int | Decline | None:
        """Return the block size of a map from which known channels are selected."""
        source = node.inputs[0]
        if source.name not in module.maps:
            return None
        made = [tensor for tensor in node.outputs if tensor.name]
        if {module.maps.get(tensor.name) for tensor in (source, *made)} == {1}:
            return 1
        if plane_indices(node) is not None:
            # `lower_separable.py` lowers selections of rows and columns.
            return None
        if int(node.attrs.get("axis", 0)) % 4 != 1:
            text = "it selects along height, width or batch"
            return Decline(node, Message("selects-outside-channels", text))
        operands = [value_of(tensor) for tensor in node.inputs[1:]]
        if any(operand is None for operand in operands):
            text = "the channels that it selects are not known at compile time"
            return Decline(node, Message("selected-channels-unknown", text))
        problem = map_problem(node, module, *made)
        return problem or module.assigned_block(source)

    def rewrite(self, node: gs.Node, match: int, rewriter: Rewriter) -> None:
        """Apply the same operator in the JPEG domain."""
        if match == 1:
            rewriter.keep_node()
            return
        inputs = [rewriter.jpeg(node.inputs[0]), *node.inputs[1:]]
        rewriter.reuse_operator(inputs, outputs=len(node.outputs))
