"""Lower transposed convolution to the JPEG domain.

ConvTranspose(x, w, b)  =>  ToSpatial(JpegConvTranspose(ToJpeg(x), w, b))

Exact. The weights are unchanged. `canonical_conv_transpose.py` has made pads explicit.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.convolution import Convolution, convolution_of
from jpegcompile.analysis.window import bias_of
from jpegcompile.ir.decline import Decline
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter


class LowerConvTranspose(Lowering[Convolution]):
    """Lowers transposed convolutions with any kernel, stride, padding, dilation and groups."""

    name = "lower-conv-transpose"
    op_types = ("ConvTranspose",)

    def match(self, node: gs.Node, module: Module) -> Convolution | Decline | None:
        """Match a two-dimensional transposed convolution between two maps of known size."""
        return convolution_of(node, module)

    def rewrite(self, node: gs.Node, match: Convolution, rewriter: Rewriter) -> None:
        """Replace the node; its bias becomes explicit."""
        source, target, module = node.inputs[0], node.outputs[0], rewriter.module
        if module.assigned_block(source) == 1 and module.assigned_block(target) == 1:
            rewriter.keep_node(match.multiply_adds)
            return
        rewriter.replace(
            "JpegConvTranspose",
            {
                "x": rewriter.jpeg(source),
                "weight": node.inputs[1],
                "bias": bias_of(node, module),
                **rewriter.inverse(source),
                **rewriter.forward(target),
            },
            {
                **match.attributes,
                "output_padding": [int(p) for p in node.attrs.get("output_padding", (0, 0))],
                "input_block": module.assigned_block(source),
                "output_block": module.assigned_block(target),
            },
            multiply_adds=match.multiply_adds,
            transforms=(source, target),
        )
