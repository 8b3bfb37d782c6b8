"""Turn a channels-last graph to NCHW: sink transposes until they meet their inverse.

With L = Transpose to channels-last [0,2,3,1] and F = Transpose to channels-first [0,3,1,2]:

Op(L(x), L(y), c)  =>  L(Op'(x, y, c'))     Op' is Op with its axes turned, c' is c turned
Op(image)          =>  L(Op'(F(image)))     for an image that enters channels-last
F(L(x))            =>  x                    exact

An operator without a rule, or with an operand that cannot be turned, keeps the transposes around
it. The rules are the files of `layout/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx_graphsurgeon as gs

from jpegcompile.analysis.batch import ELEMENTWISE
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.passes.legalize.layout.axes import (
    turn_concat,
    turn_pad,
    turn_reduction,
    turn_slice,
    turn_squeeze,
)
from jpegcompile.passes.legalize.layout.elementwise import turn_elementwise
from jpegcompile.passes.legalize.layout.resize import turn_resize
from jpegcompile.passes.legalize.layout.transposes import (
    reshape_pixels,
    turn_shape,
    turn_size,
    turn_transpose,
)
from jpegcompile.passes.legalize.layout.turner import Turner
from jpegcompile.passes.legalize.layout.vectors import turn_flatten, turn_mat_mul, turn_reshape

# A rule turns a node that reads a channels-last map, or returns False and leaves it as it is.
Rule = Callable[[gs.Node, Turner], bool]

_REDUCTIONS = (
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
)
RULES: Mapping[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, turn_elementwise),
    **dict.fromkeys(_REDUCTIONS, turn_reduction),
    "Concat": turn_concat,
    "Flatten": turn_flatten,
    "MatMul": turn_mat_mul,
    "Pad": turn_pad,
    "Reshape": turn_reshape,
    "Resize": turn_resize,
    "Shape": turn_shape,
    "Size": turn_size,
    "Slice": turn_slice,
    "Squeeze": turn_squeeze,
    "Transpose": turn_transpose,
    "Upsample": turn_resize,
}


class ChannelsFirst(Pass):
    """Go through the graph in order: whatever comes behind a turned node finds its transpose."""

    name = "channels-first"

    def run(self, module: Module) -> bool:
        """Returns whether a node was turned."""
        turner = Turner(module)
        changed = False
        for node in list(module.graph.nodes):
            rule = RULES.get(node.op) if node.domain in (None, "", "ai.onnx") else None
            if rule is not None and any(turner.is_last(t) for t in node.inputs):
                changed |= rule(node, turner)
        changed |= turner.part_readers_of_image()
        changed |= reshape_pixels(module)
        if changed:
            module.graph.cleanup().toposort()
        return changed
