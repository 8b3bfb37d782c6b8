"""Lowering of separable linear operators, which are one matrix for each axis.

R @ x @ C with R = D_out A_H D_in^T and C = (D_out A_W D_in^T)^T. A is the spatial operator of an
axis, and D is the DCT of its tiles.
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
    """A separable operator as matrices.

    Attributes:
        axes: spatial matrices of the two axes, [output size, input size]; None if the operator
            changes neither rows nor columns.
        at_size_1: whether the matrices replace the operator at block size 1, too.
    """

    axes: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    at_size_1: bool = False


class LowerSeparable(Lowering[Separable]):
    """Base class of lowerings that differ only in their matrices.

    Attributes:
        jpeg_op: name of the JPEG-domain operator; by default "Jpeg" and the spatial operator.
    """

    jpeg_op: ClassVar[str] = ""

    def rewrite(self, node: gs.Node, match: Separable, rewriter: Rewriter) -> None:
        """Combine the matrices with the DCTs of input and output."""
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
