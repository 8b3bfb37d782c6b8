"""The transforms to pixels within piecewise linear operators, whose mask few frequencies decide."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.dct.frequencies import full
from jpegcompile.ir.operands import input_block
from jpegcompile.operators.definition import Operator


def inverse_transforms(node: gs.Node, operator: Operator) -> list[int]:
    """Frequencies that go through each inverse transform within a node, one entry a transform."""
    whole = full(input_block(node, operator))
    if not operator.masking:
        return [whole]
    count = int(node.attrs["frequencies"])
    return [count] if operator.masking == "apx" else [whole, count]
