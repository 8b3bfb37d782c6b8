"""Keep spatial what a discontinuous operator must read exactly.

Sqrt(MaxPool(Relu(x))), Ceil(MaxPool(x) - x), ArgMax(Relu(x)), ...   marked, for no lowering to take

Through the transform and back the zeros of a ReLU come out as +-1e-8, of which Sqrt makes NaN,
Greater a wrong answer, and ArgMax another position. So whatever is not known to be continuous
(`analysis/exactness/continuity.py`) keeps on pixels what it depends on, as far as that may be flat,
tied or exactly cancelled (`analysis/exactness/forward.py`). The graph stays as it is; `Lowering`
declines what is marked. Maps of block size 1 are spatial anyway, but fast convolutions of native
kernels round as transforms do: `fuse_convolution.py` leaves out what is marked as well.
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
from jpegcompile.ir.graph import label
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class KeepExact(Pass):
    """Fill `Module.exact_nodes`."""

    name = "keep-exact"

    def run(self, module: Module) -> bool:
        """Returns whether a node was marked."""
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
            _mark(node, f"{node.op} has no JPEG-domain form", module)
            _mark_readers(node, module)
            if needed.reads_image and module.options.takes_files:
                module.report.note(
                    f"{label(node)} compares pixels that are equal where the image is of one"
                    " colour: the decode of files rounds there, so its answer may differ there"
                )
        return len(module.exact_nodes) > before


def _may_be_discontinuous(node: gs.Node, graph: gs.Graph) -> bool:
    # What a pass wrote stands for nodes that may be lowered.
    if node.domain == DOMAIN:
        return False
    return bool(requirements_of(node, graph, None)) or compared(node) is not None


def _mark(node: gs.Node, reason: str, module: Module) -> None:
    if any(t.name in module.maps for t in (*node.inputs, *node.outputs)):
        module.exact_nodes.setdefault(node.name, reason)


def _mark_readers(node: gs.Node, module: Module) -> None:
    """What reads a mask, or positions, has no JPEG-domain form either."""
    for reader in (reader for tensor in node.outputs for reader in tensor.outputs):
        if reads_masks(reader, node):
            _mark(reader, f"it reads what {label(node)} finds", module)


def _reason(node: gs.Node) -> str:
    if not is_standard(node):
        return f"{label(node)} is of domain {node.domain}: nobody knows whether it has steps"
    if not has_known_discontinuities(node):
        return f"{label(node)} is not known to be continuous, and depends on it"
    if node.op in ("ArgMax", "ArgMin", "Hardmax", "MaxPool", "TopK"):
        return f"{label(node)} decides between equal values, and depends on it"
    return f"{label(node)} has a step or a pole, and depends on it"
