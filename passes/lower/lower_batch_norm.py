"""Lower the batch normalisations that no convolution absorbs.

BatchNormalization(x, s, t, m, v)  =>  ToSpatial(JpegBatchNormalization(ToJpeg(x), f, t - m f))

with f = s / sqrt(v + e): the factor scales every coefficient, the shift moves DC coefficients.
Exact.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.statistics import inference_affine
from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, elements, is_sequence, map_problem


class LowerBatchNorm(Lowering[ChannelAffine]):
    """BatchNormalization in inference mode."""

    name = "lower-batch-norm"
    op_types = ("BatchNormalization",)

    def match(self, node: gs.Node, module: Module) -> ChannelAffine | Decline | None:
        """Constant statistics, on a map of known size."""
        source = node.inputs[0]
        if is_sequence(source):
            return None
        problem = map_problem(node, module, source)
        if problem is not None:
            return problem
        affine = inference_affine(node)
        return affine if isinstance(affine, ChannelAffine) else Decline(node, affine)

    def rewrite(self, node: gs.Node, match: ChannelAffine, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
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
