"""Turn elementwise operators, activations and arithmetic with broadcasting among them.

Op(L(x), L(y), c, g[N,1,1,C])  =>  L(Op(x, y, c', Reshape(g, [0,C,1,1])))        exact

c' is the constant with its axes turned; g is a gate of squeeze-excite or the like.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.passes.legalize.layout.turner import Turner


def turn_elementwise(node: gs.Node, turner: Turner) -> bool:
    """Every operand can be turned, and the result is a map."""
    if not turner.makes_one_map(node) or not all(turner.can_turn(t) for t in node.inputs):
        return False
    node.inputs = [turner.operand(t) for t in node.inputs]
    turner.turn_output(node)
    return True
