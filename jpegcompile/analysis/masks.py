"""Inverse transforms within piecewise linear operators with approximated masks."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.dct.frequencies import full
from jpegcompile.ir.operands import input_block
from jpegcompile.operators.definition import Operator


def inverse_transforms(node: gs.Node, operator: Operator) -> list[int]:
    """Number of frequencies that each inverse transform within a node reads."""
    whole = full(input_block(node, operator))
    if not operator.masking:
        return [whole]
    count = int(node.attrs["frequencies"])
    return [count] if operator.masking == "apx" else [whole, count]
