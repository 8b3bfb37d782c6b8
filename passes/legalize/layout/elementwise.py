"""Convert elementwise operators, including activations and arithmetic with broadcasting.

Op(L(x), L(y), c, g[N,1,1,C])  =>  L(Op(x, y, c', Reshape(g, [0,C,1,1])))        exact

c' is the transposed constant; g is for instance the gate of a squeeze-and-excitation block.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.passes.legalize.layout.converter import LayoutConverter


def convert_elementwise(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert a node if all its operands can be converted and the result is a map."""
    if not converter.makes_one_map(node) or not all(converter.can_convert(t) for t in node.inputs):
        return False
    node.inputs = [converter.operand(t) for t in node.inputs]
    converter.convert_output(node)
    return True
