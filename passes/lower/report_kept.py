"""Report operators that stay spatial although their maps could be in the JPEG domain.

Changes nothing. Lowerings report the nodes that they decline; this pass reports nodes that no
lowering examines.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.dct.blocks import block_size
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.decline import channels_last_problem, no_jpeg_form
from jpegcompile.ir.graph import is_graph_output, label, static_dims
from jpegcompile.ir.image import TO_CHANNELS_FIRST, TO_CHANNELS_LAST
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass, kept_report
from jpegcompile.messages import Message

# Identity only renames a map. Shape and Size are the same in both domains.
_NOTHING_TO_LOWER = frozenset(("Identity", "Shape", "Size"))


class ReportKept(Pass):
    """Reports nodes with a map of block size above 1 that are neither lowered nor declined."""

    name = "report-kept"

    def run(self, module: Module) -> bool:
        """Report nodes; returns False, since the graph stays unchanged."""
        # Nodes that passes have added are not nodes of the source.
        unknown = set(module.report.order) - {node.name for node in module.report.nodes}
        for node in module.graph.nodes:
            tensors = [*node.inputs, *node.outputs]
            if node.domain == DOMAIN or node.name not in unknown:
                continue
            if node.op in _NOTHING_TO_LOWER or _is_layout(node, module) or _is_half_end(node):
                continue
            if _only_leaves(node, module):
                continue
            if any(t.name in module.blocks for t in tensors):
                continue
            if any(_could_be_blocks(t, module) for t in tensors):
                reason = module.exact_nodes.get(node.name) or _reason(node, module)
                module.report.add(kept_report(node, module, reason))
        return False


def _could_be_blocks(tensor: gs.Tensor, module: Module) -> bool:
    """Whether the block size of a map is above 1, or would be in channels-first layout."""
    if tensor.name not in module.channels_last:
        return module.maps.get(tensor.name, 1) > 1
    plane = static_dims(tensor.shape[1:3])
    return plane is not None and block_size(*plane) > 1


def _reason(node: gs.Node, module: Module) -> Message:
    readers = node.outputs[0].outputs
    if _order(node) == TO_CHANNELS_LAST and readers:
        text = f"{label(readers[0])} reads the map in channels-last layout"
        return Message("reader-is-channels-last", text)
    last = next((t.name for t in node.inputs if t.name in module.channels_last), None)
    if last is not None:
        return channels_last_problem(last)
    return no_jpeg_form(node)


def _order(node: gs.Node) -> list[int] | None:
    """Permutation of a Transpose; None for other nodes."""
    return list(node.attrs.get("perm", ())) if node.op == "Transpose" else None


def _only_leaves(node: gs.Node, module: Module) -> bool:
    """Whether a node only reshapes pixels for an output of the graph."""
    target = node.outputs[0]
    leaves = is_graph_output(module.graph, target) and not target.outputs
    return leaves and node.op in ("Reshape", "Squeeze", "Unsqueeze")


def _is_half_end(node: gs.Node) -> bool:
    """Whether a node only casts an input or output between float16 and float32."""
    tensors = (node.inputs[0], node.outputs[0]) if node.op == "Cast" else ()
    return {t.dtype for t in tensors} == {np.dtype(np.float16), np.dtype(np.float32)}


def _is_layout(node: gs.Node, module: Module) -> bool:
    """Whether a node only converts an input from channels-last layout, or an output to it.

    Tensors beyond these nodes cannot be in the JPEG domain.
    """
    order = _order(node)
    if order == TO_CHANNELS_FIRST:
        return bool(node.inputs[0].name == module.image.name)
    target = node.outputs[0]
    leaves = is_graph_output(module.graph, target) and not target.outputs
    return leaves and order == TO_CHANNELS_LAST
