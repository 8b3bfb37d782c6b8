"""Keep nodes that feed a discontinuous operator spatial.

Sqrt(MaxPool(Relu(x))), Ceil(MaxPool(x) - x), ArgMax(Relu(x)), ...   marked, not lowered

After a DCT and its inverse, the zeros of a ReLU are about +-1e-8. Sqrt then returns NaN, Greater a
wrong answer, and ArgMax another position. `analysis/exactness/continuity.py` lists the
operators that are known to be continuous. For every other operator, the nodes that may produce
exactly equal values for it (`analysis/exactness/forward.py`) stay spatial.

This pass only marks nodes; `Lowering` declines marked nodes. Maps at block size 1 are spatial
anyway, but fast native convolutions round like transforms. `fuse_convolution.py` therefore skips
marked nodes, too.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.exactness.backward import ExactNodes
from jpegcompile.analysis.exactness.continuity import is_standard
from jpegcompile.analysis.exactness.forward import TensorStates
from jpegcompile.analysis.exactness.requirements import (
    compared,
    has_known_discontinuities,
    reads_masks,
    requirements_of,
)
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.decline import no_jpeg_form
from jpegcompile.ir.graph import label
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message


class KeepExact(Pass):
    """Fills `Module.exact_nodes`."""

    name = "keep-exact"

    def run(self, module: Module) -> bool:
        """Mark nodes; returns whether a node was marked."""
        before = len(module.exact_nodes)
        suspects = [n for n in module.graph.nodes if _may_be_discontinuous(n, module.graph)]
        if not suspects:
            return False
        states = TensorStates(module)
        for node in suspects:
            needed = ExactNodes(states)
            if not needed.collect(node):
                continue
            for other in needed.nodes.values():
                _mark(other, _reason(node), module)
            _mark(node, no_jpeg_form(node), module)
            _mark_readers(node, module)
            if needed.reads_image and module.options.takes_files:
                text = (
                    f"{label(node)} compares pixels that are equal where the image has one color;"
                    " decoding a file rounds pixels, so the result may differ there"
                )
                module.report.note(Message("image-pixels-compared", text))
        return len(module.exact_nodes) > before


def _may_be_discontinuous(node: gs.Node, graph: gs.Graph) -> bool:
    # Passes create jpegcompile operators only for nodes that may be lowered.
    if node.domain == DOMAIN:
        return False
    return bool(requirements_of(node, graph, None)) or compared(node) is not None


def _mark(node: gs.Node, reason: Message, module: Module) -> None:
    if any(t.name in module.maps for t in (*node.inputs, *node.outputs)):
        module.exact_nodes.setdefault(node.name, reason)


def _mark_readers(node: gs.Node, module: Module) -> None:
    """Mark readers of masks and positions, which have no JPEG-domain form either."""
    for reader in (reader for tensor in node.outputs for reader in tensor.outputs):
        if reads_masks(reader, node):
            text = f"it reads positions or a mask from {label(node)}"
            _mark(reader, Message("reads-mask-or-positions", text), module)


def _reason(node: gs.Node) -> Message:
    """Reason for a node that the discontinuous `node` depends on."""
    if not is_standard(node):
        text = f"it feeds {label(node)} of {node.domain}, which may be discontinuous"
        return Message("feeds-custom-operator", text)
    if not has_known_discontinuities(node):
        text = f"it feeds {label(node)}, which is not known to be continuous"
        return Message("feeds-unknown-operator", text)
    if node.op in ("ArgMax", "ArgMin", "Hardmax", "MaxPool", "TopK"):
        text = f"it feeds {label(node)}, which chooses among equal values"
        return Message("feeds-choice-among-equals", text)
    text = f"it feeds {label(node)}, which is discontinuous"
    return Message("feeds-discontinuous-operator", text)
