"""Lower batch normalizations that were not folded into a convolution.

BatchNormalization(x, s, t, m, v)  =>  ToSpatial(JpegBatchNormalization(ToJpeg(x), f, t - m f))

with f = s / sqrt(v + e). The factor scales all coefficients; the shift applies to DC coefficients.
Exact.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.statistics import inference_affine
from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.ir.decline import Decline, is_sequence, map_problem
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter, elements


class LowerBatchNorm(Lowering[ChannelAffine]):
    """Lowers BatchNormalization in inference mode."""

    name = "lower-batch-norm"
    op_types = ("BatchNormalization",)

    def match(self, node: gs.Node, module: Module) -> ChannelAffine | Decline | None:
        """Return the affine function; statistics must be constant, and the map's size known."""
        source = node.inputs[0]
        if is_sequence(source):
            return None
        problem = map_problem(node, module, source)
        if problem is not None:
            return problem
        affine = inference_affine(node)
        return affine if isinstance(affine, ChannelAffine) else Decline(node, affine)

    def rewrite(self, node: gs.Node, match: ChannelAffine, rewriter: Rewriter) -> None:
        """Replace the node; at block size 1 it stays."""
        source, module = node.inputs[0], rewriter.module
        work = elements(source)
        if module.assigned_block(source) == 1:
            rewriter.keep_node(work)
            return
        parameters = {
            name: gs.Constant(
                module.fresh(f"{node.outputs[0].name}.{name}"),
                values.astype(source.dtype).reshape(-1, 1, 1),
            )
            for name, values in (("scale", match.scale), ("shift", match.shift))
        }
        rewriter.replace(
            "JpegBatchNormalization",
            {"x": rewriter.jpeg(source), **parameters, "dc": rewriter.dc(source)},
            {"block": module.assigned_block(source)},
            multiply_adds=work,
        )
