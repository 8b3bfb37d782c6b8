"""Lower group and instance normalisation to the JPEG domain, exactly.

GroupNormalization(x, s, t)  =>  ToSpatial(JpegGroupNormalization(ToJpeg(x), s, t))

The mean comes from the DC coefficients, the variance from the squares of all coefficients without
it (DCT mean-variance theorem), so there is no transform. See `canonical_normalization.py` for the
spellings.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.interface import DOMAIN
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, elements, map_problem


class LowerGroupNormalization(Lowering[int]):
    """Statistics of groups of channels of each image."""

    name = "lower-group-normalization"
    op_types = ("SpatialGroupNormalization",)
    domains = (DOMAIN,)

    def match(self, node: gs.Node, module: Module) -> int | Decline | None:
        """The block size of a map of known size."""
        source, target = node.inputs[0], node.outputs[0]
        return map_problem(node, module, source, target) or module.block(source)

    def rewrite(self, node: gs.Node, match: int, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
        source, work = node.inputs[0], 3 * elements(node.inputs[0])
        if match == 1:
            rewriter.keep_trivial(work)
            return
        groups, (height, width) = int(node.attrs["groups"]), size_of(source)
        shape = np.asarray([0, groups, -1, height * width])
        to_rows = rewriter.module.constants.share(
            f"rows.{groups}.{height * width}", shape, np.dtype(np.int64)
        )
        rewriter.replace(
            "JpegGroupNormalization",
            [rewriter.jpeg(source), *node.inputs[1:4], to_rows, rewriter.dc(source)],
            {"groups": groups, "block": match},
            multiply_adds=work,
        )
