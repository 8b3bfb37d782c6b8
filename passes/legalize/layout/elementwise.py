"""Turn elementwise operators, activations and arithmetic with broadcasting among them.

Op(L(x), L(y), c, g[N,1,1,C])  =>  L(Op(x, y, c', Reshape(g, [0,C,1,1])))        exact

c' is the constant with its axes turned; g is a gate of squeeze-excite or the like.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.passes.legalize.layout.converter import LayoutConverter


def convert_elementwise(node: gs.Node, converter: LayoutConverter) -> bool:
    """Every operand can be turned, and the result is a map."""
    if not converter.makes_one_map(node) or not all(converter.can_convert(t) for t in node.inputs):
        return False
    node.inputs = [converter.operand(t) for t in node.inputs]
    converter.convert_output(node)
    return True
