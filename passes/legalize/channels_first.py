"""Convert a channels-last graph to NCHW by moving transposes downstream until they cancel.

With L = Transpose to channels-last [0,2,3,1] and F = Transpose to channels-first [0,3,1,2]:

Op(L(x), L(y), c)  =>  L(Op'(x, y, c'))     Op' is Op with converted axes, c' is c transposed
Op(image)          =>  L(Op'(F(image)))     for a channels-last image input
F(L(x))            =>  x                    exact

An operator without a rule, or with an operand that cannot be converted, keeps its transposes. The
rules are in `layout/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx_graphsurgeon as gs

from jpegcompile.analysis.batch import ELEMENTWISE
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.passes.legalize.layout.axes import (
    convert_concat,
    convert_pad,
    convert_reduction,
    convert_slice,
    convert_squeeze,
)
from jpegcompile.passes.legalize.layout.converter import LayoutConverter
from jpegcompile.passes.legalize.layout.elementwise import convert_elementwise
from jpegcompile.passes.legalize.layout.resize import convert_resize
from jpegcompile.passes.legalize.layout.transposes import (
    convert_shape,
    convert_size,
    convert_transpose,
    reshape_pixels,
)
from jpegcompile.passes.legalize.layout.vectors import (
    convert_flatten,
    convert_mat_mul,
    convert_reshape,
)

# A rule converts a node that reads a channels-last map, or returns False and leaves it unchanged.
Rule = Callable[[gs.Node, LayoutConverter], bool]

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
    **dict.fromkeys(ELEMENTWISE, convert_elementwise),
    **dict.fromkeys(_REDUCTIONS, convert_reduction),
    "Concat": convert_concat,
    "Flatten": convert_flatten,
    "MatMul": convert_mat_mul,
    "Pad": convert_pad,
    "Reshape": convert_reshape,
    "Resize": convert_resize,
    "Shape": convert_shape,
    "Size": convert_size,
    "Slice": convert_slice,
    "Squeeze": convert_squeeze,
    "Transpose": convert_transpose,
    "Upsample": convert_resize,
}


class ChannelsFirst(Pass):
    """Converts nodes in graph order, so that each node finds the transposes of converted nodes."""

    name = "channels-first"

    def run(self, module: Module) -> bool:
        """Convert nodes; returns whether a node was converted."""
        converter = LayoutConverter(module)
        changed = False
        for node in list(module.graph.nodes):
            rule = RULES.get(node.op) if node.domain in (None, "", "ai.onnx") else None
            if rule is not None and any(converter.is_channels_last(t) for t in node.inputs):
                changed |= rule(node, converter)
        changed |= converter.use_one_transpose_of_image()
        changed |= reshape_pixels(module)
        if changed:
            module.graph.cleanup().toposort()
        return changed
