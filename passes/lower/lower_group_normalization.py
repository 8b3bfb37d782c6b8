"""Lower group and instance normalization to the JPEG domain, exactly.

GroupNormalization(x, s, t)  =>  ToSpatial(JpegGroupNormalization(ToJpeg(x), s, t))

The mean follows from DC coefficients, the variance from the squares of all coefficients (DCT
mean-variance theorem), so no transform is needed. `canonical_normalization.py` recognizes the
normalizations.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.operands import operand, operands
from jpegcompile.ir.rewrite import Lowering, Rewriter, elements
from jpegcompile.operators.constants import DOMAIN
from jpegcompile.operators.normalization import (
    JPEG_GROUP_NORMALIZATION,
    SPATIAL_GROUP_NORMALIZATION,
)


class LowerGroupNormalization(Lowering[int]):
    """Lowers normalizations over groups of channels of each image."""

    name = "lower-group-normalization"
    op_types = (SPATIAL_GROUP_NORMALIZATION,)
    domains = (DOMAIN,)

    def match(self, node: gs.Node, module: Module) -> int | Decline | None:
        """Return the block size of a map of known size."""
        source, target = operand(node, "x"), node.outputs[0]
        return map_problem(node, module, source, target) or module.assigned_block(source)

    def rewrite(self, node: gs.Node, match: int, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
        source = operand(node, "x")
        work = 3 * elements(source)
        if match == 1:
            rewriter.keep_node(work)
            return
        groups, (height, width) = int(node.attrs["groups"]), size_of(source)
        shape = np.asarray([0, groups, -1, height * width])
        to_rows = rewriter.module.constants.share(
            f"rows.{groups}.{height * width}", shape, np.dtype(np.int64)
        )
        rewriter.replace(
            JPEG_GROUP_NORMALIZATION,
            {
                **operands(node),
                "x": rewriter.jpeg(source),
                "to_rows": to_rows,
                "dc": rewriter.dc(source),
            },
            {"groups": groups, "block": match},
            multiply_adds=work,
        )
