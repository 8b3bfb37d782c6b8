"""Operators that are linear and act on rows and columns apart: one matrix an axis.

R @ x @ C with R = D_out A_H D_in^T and C = (D_out A_W D_in^T)^T, A being the spatial operator of an
axis and D the DCT of its tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.ir.rewrite import Lowering, Rewriter, elements


@dataclass(frozen=True)
class Separable:
    """What an operator does to rows and to columns.

    Attributes:
        axes: spatial operators of the two axes, [output size, input size]; None keeps both as they
            are.
        at_size_1: whether matrices take the operator's place at block size 1 as well.
    """

    axes: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    at_size_1: bool = False


class LowerSeparable(Lowering[Separable]):
    """Shared by operators that differ in their matrices only.

    Attributes:
        jpeg_op: the jpeg-domain operator; by default it is called after the spatial one.
    """

    jpeg_op: ClassVar[str] = ""

    def rewrite(self, node: gs.Node, match: Separable, rewriter: Rewriter) -> None:
        """Compose the matrices with the DCTs of both sides."""
        source, target, module = node.inputs[0], node.outputs[0], rewriter.module
        input_block, output_block = module.assigned_block(source), module.assigned_block(target)
        if input_block == 1 and output_block == 1 and not match.at_size_1:
            rewriter.keep_node()
            return
        if match.axes is None:
            rewriter.reuse_operator([rewriter.jpeg(source), *node.inputs[1:]])
            return
        operands = rewriter.axis_matrices(match.axes, source, output_block, target.name)
        rewriter.replace(
            self.jpeg_op or f"Jpeg{node.op}",
            {"x": rewriter.jpeg(source), **operands},
            {"input_block": input_block, "output_block": output_block},
            multiply_adds=elements(source),
        )
